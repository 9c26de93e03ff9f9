/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One way to attach a hook.  attach() returns 0 and sets *attachment, or a
 * negative errno.  detach() takes the probe away; free() comes after every
 * handler that was running has ended.
 */
#ifndef KS_MECHANISM_H
#define KS_MECHANISM_H

#include <linux/compiler.h>
#include "hook.h"

struct ftrace_ops;
struct kprobe;
struct tracepoint;

struct ks_attachment {
	struct ks_hook *hook;
	const struct ks_point *point;
	bool stuck;	/* the kernel still has a probe of it: its memory stays */
};

struct ks_mechanism {
	const char *name;
	int (*attach)(struct ks_hook *hook, const struct ks_point *point,
		      struct ks_attachment **attachment);
	void (*detach)(struct ks_attachment *attachment);
	void (*free)(struct ks_attachment *attachment);
	u64 (*missed)(const struct ks_attachment *attachment);	/* may be NULL */
	/*
	 * Is it still attached as it was?  NULL: yes, or it cannot be told; else
	 * what was done to it, by somebody else.  May sleep.  May be NULL.
	 */
	const char *(*check)(struct ks_attachment *attachment);
	bool of_functions;	/* by ftrace or kprobes */
};

static inline void ks_attachment_free(const struct ks_mechanism *mechanism,
				      struct ks_attachment *attachment)
{
	if (!attachment->stuck)
		mechanism->free(attachment);
}

/* The kernel has it still: neither it nor the module is ever given back. */
void ks_attachment_is_stuck(struct ks_attachment *attachment);

/* say.c: what became of a candidate; by err as attach() returned it. */
void ks_hook_say(struct ks_hook *hook, const char *mechanism, const char *target, int err);
/* say.c: the parameter names it; all that it names are hooks. */
bool ks_hook_is_avoided(const struct ks_hook *hook);
bool ks_avoid_is_known(void);

/* ftrace.c: which bits are asked for depends on what is wanted. */
void ks_ftrace_wanted(void);

extern const struct ks_mechanism ks_mech_tracepoint;
extern const struct ks_mechanism ks_mech_ftrace;
extern const struct ks_mechanism ks_mech_kprobe;
extern const struct ks_mechanism ks_mech_kretprobe;
extern const struct ks_mechanism ks_mech_syscall;
extern const struct ks_mechanism ks_mech_sys_exit;
extern const struct ks_mechanism ks_mech_notifier;
extern const struct ks_mechanism ks_mech_netfilter;
extern const struct ks_mechanism ks_mech_fexit;

/* fexit.c: nobody is in the module's trampolines after it; may sleep. */
void ks_fexit_uninit(void);

/*
 * kprobe.c: to be asked of each probe that was unregistered.  The kernel
 * cannot disarm one when it has no memory for that (a process that was killed
 * for want of memory ends its session); then the attachment and the module stay.
 */
void ks_kprobe_unregistered(struct ks_attachment *attachment, struct kprobe *probe);

/* kprobe.c, ftrace.c, tracepoint.c: as check() of a mechanism, of one such probe. */
const char *ks_kprobe_wrong(struct kprobe *probe);
const char *ks_ftrace_wrong(const struct ftrace_ops *ops, unsigned long address);
const char *ks_tracepoint_wrong(struct tracepoint *tracepoint, const void *probe,
				const void *data);
/* tracepoint.c. */
void ks_tracepoint_unregister(struct tracepoint *tracepoint, void *probe, void *data);
/* ftrace.c, with its filter. */
void ks_ftrace_unregister(struct ftrace_ops *ops);
/* ftrace.c: false: the function there calls no ftrace at its entry. */
bool ks_ftrace_calls(unsigned long address);
#define KS_FTRACE_SILENT	"the function does not call ftrace any more"

/* sys_exit.c: it is told when the system call returns that current is in. */
bool ks_sys_exit_hears(const struct ks_attachment *attachment);
/* syscall.c: the system call that current is in, as its caller asked for it. */
void ks_syscall_fill(struct ks_syscall *call, const struct pt_regs *regs);

/* One of a point's names; optional: the kernel may have no such thing. */
struct ks_name {
	const char *name;
	size_t length;
	bool optional;
};

/* The next of names; false: there is none. */
bool ks_name_next(const char **names, struct ks_name *name);

#endif /* KS_MECHANISM_H */
