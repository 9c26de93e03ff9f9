/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A hook: what it is called, the event that it records, and the places where
 * it can be attached, in order of preference.  The engine takes the first
 * that this kernel can arm and notes for each of the others why not.
 */
#ifndef KS_HOOK_H
#define KS_HOOK_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched/clock.h>
#include <linux/types.h>
#include "../compat/new_mount.h"
#include "../events/events.h"

struct ks_hook;
struct ks_attachment;
struct ks_mechanism;
struct nf_hook_state;
struct sk_buff;

/* What a function was called with. */
struct ks_call {
	unsigned long arg[6];
	unsigned long caller;	/* where it will return to */
};

/* A system call. */
struct ks_syscall {
	u32 which;		/* of the point's names, from 0 */
	bool compat;		/* 32-bit caller */
	unsigned long arg[6];	/* as the caller passed them */
	long ret;		/* when it has ended */
};

/* The most that a FEXIT keeps of a call, on its stack. */
#define KS_FEXIT_DATA	64

/* A candidate.  Handlers run with preemption off and must not sleep. */
struct ks_point {
	u32 mechanism;		/* enum ksonde_mechanism */
	/*
	 * Tracepoint, function, chain, or functions or system calls "a b c".  A
	 * system call "c?" may be missing, but not all of them.  A netfilter hook.
	 */
	const char *target;
	union {
		/* TRACEPOINT: the kernel's own prototype behind a void *hook */
		void *probe;
		/* FTRACE, KPROBE: the function is entered */
		struct {
			void (*entry)(struct ks_hook *hook, const struct ks_call *call);
			/*
			 * FTRACE: 0, or it is called where one of these bits is set
			 * in a member of its first argument, and a session wants the
			 * event: the rest pays next to nothing, and is no hit.
			 */
			u32 bits;
			u32 offset;
		};
		/* SYSCALL, SYS_EXIT: a system call returns */
		struct {
			void (*exit)(struct ks_hook *hook, const struct ks_syscall *call,
				     const void *data);
			/*
			 * May be NULL, as data is then, and always is for SYS_EXIT.
			 * false: the return is of no interest.
			 */
			bool (*enter)(struct ks_hook *hook, const struct ks_syscall *call,
				      void *data);
			size_t data_size;
		} syscall;
		/* NETFILTER: a packet comes, in a softirq mostly; it always goes on */
		void (*packet)(struct ks_hook *hook, const struct sk_buff *skb,
			       const struct nf_hook_state *state);
		/* KRETPROBE, FEXIT: of a function with at most six arguments */
		struct {
			/*
			 * false: the return is of no interest.  May be NULL with
			 * FEXIT: then data is a struct ks_call without a caller.
			 */
			bool (*enter)(struct ks_hook *hook,
				      const struct ks_call *call, void *data);
			void (*leave)(struct ks_hook *hook, long ret, void *data);
			size_t data_size;
		} call;
		/* NOTIFIER: what happens, and to what, in the chain's own terms */
		void (*notify)(struct ks_hook *hook, unsigned long action, void *what);
	};
};

#define KS_TRACEPOINT(name, fn) \
	{ .mechanism = KSONDE_MECH_TRACEPOINT, .target = name, .probe = fn }
#define KS_FTRACE(function, fn) \
	{ .mechanism = KSONDE_MECH_FTRACE, .target = function, .entry = fn }
#define KS_FTRACE_IF(function, fn, type, member, some) \
	{ .mechanism = KSONDE_MECH_FTRACE, .target = function, .entry = fn, \
	  .bits = (__force u32)(some), .offset = offsetof(type, member) }
#define KS_KPROBE(function, fn) \
	{ .mechanism = KSONDE_MECH_KPROBE, .target = function, .entry = fn }
#define KS_KRETPROBE(functions, on_enter, on_leave, size) \
	{ .mechanism = KSONDE_MECH_KRETPROBE, .target = functions, \
	  .call = { on_enter, on_leave, size } }
#define KS_FEXIT(function, on_enter, on_leave, size) \
	{ .mechanism = KSONDE_MECH_FEXIT, .target = function, \
	  .call = { on_enter, on_leave, size } }
#define KS_FEXIT_RETURN(function, on_leave) \
	{ .mechanism = KSONDE_MECH_FEXIT, .target = function, .call = { .leave = on_leave } }
#define KS_SYSCALL(names, fn) \
	{ .mechanism = KSONDE_MECH_SYSCALL, .target = names, .syscall = { fn } }
#define KS_SYSCALL_FROM(names, on_enter, on_exit, size) \
	{ .mechanism = KSONDE_MECH_SYSCALL, .target = names, \
	  .syscall = { on_exit, on_enter, size } }
#define KS_SYS_EXIT(names, fn) \
	{ .mechanism = KSONDE_MECH_SYS_EXIT, .target = names, .syscall = { fn } }
#define KS_NOTIFIER(chain, fn) \
	{ .mechanism = KSONDE_MECH_NOTIFIER, .target = chain, .notify = fn }
#define KS_NETFILTER(name, fn) \
	{ .mechanism = KSONDE_MECH_NETFILTER, .target = name, .packet = fn }

/* One hit in so many is timed: a clock read costs more than the counting. */
#define KS_TIMED_EVERY	64
/* ns: what took longer was stretched by an interrupt, or by a hypervisor. */
#define KS_TIMED_MOST	100000

/* Per CPU, so that counting costs no shared cache line. */
struct ks_hook_stats {
	u64 hits;
	u64 timed_hits;
	u64 timed_ns;
	u64 missed;		/* by the handlers, beside what the mechanism missed */
	u64 cost_ns;		/* as timed_ns, but no hit counts for more than KS_TIMED_MOST */
	u32 random;
};

/* ks_hook.keep: no record. */
#define KS_KEEP_NONE	(~0U)

struct ks_hook {
	const char *name;
	u32 event;			/* enum ks_event_index; KS_EVENTS: none */
	bool always;			/* armed while any session is started */
	/*
	 * What others need: nothing for the governor.  All that are for an event
	 * are armed, or none: without one of them the others would be wrong.
	 */
	bool vital;
	u32 most;			/* records a second, of all tasks; 0: no limit */
	const struct ks_point *points;	/* ends with an empty one */
	/* What the handlers need while the hook is armed; may sleep.  Both or none. */
	int (*prepare)(void);
	void (*release)(void);

	/* The engine's, under its mutex. */
	u32 index;
	atomic64_t share;		/* of most: when it is whole again */
	u32 keep;			/* the governor's: one record of so many; 0: all */
	u32 users;
	u32 state;			/* enum ksonde_hook_state */
	const struct ks_point *taken;
	struct ks_attachment *attachment;
	bool prepared;
	u64 missed_before;		/* by attachments that are gone */
	u64 cost;			/* the governor's: ns of the last second */
	char detail[512];
	struct ks_hook_stats __percpu *stats;
};

/* The most that hooks/table.h may name. */
#define KS_HOOKS_MAX	96

#define KS_HOOK(name) extern struct ks_hook ks_hook_##name;
#include "../hooks/table.h"
#undef KS_HOOK

/* All hooks, in the order of hooks/table.h; ends with NULL. */
extern struct ks_hook * const ks_hooks[];

/* Counting and timing where preemption is off. */
static __always_inline bool ks_hook_is_timed(struct ks_hook *hook)
{
	return __this_cpu_inc_return(hook->stats->hits) % KS_TIMED_EVERY == 0;
}

static __always_inline u64 ks_hook_count(struct ks_hook *hook)
{
	return likely(!ks_hook_is_timed(hook)) ? 0 : local_clock();
}

void ks_hook_timed(struct ks_hook *hook, u64 ns);

static __always_inline void ks_hook_counted(struct ks_hook *hook, u64 token)
{
	if (unlikely(token)) {
		__this_cpu_inc(hook->stats->timed_hits);
		ks_hook_timed(hook, local_clock() - token);
	}
}

/* The same for the second half of a hit: a return whose entry was counted. */
static __always_inline bool ks_hook_was_timed(struct ks_hook *hook)
{
	return __this_cpu_read(hook->stats->hits) % KS_TIMED_EVERY == 0;
}

static __always_inline u64 ks_hook_recount(struct ks_hook *hook)
{
	return likely(!ks_hook_was_timed(hook)) ? 0 : local_clock();
}

static __always_inline void ks_hook_recounted(struct ks_hook *hook, u64 token)
{
	if (unlikely(token))
		ks_hook_timed(hook, local_clock() - token);
}

/*
 * Counting and timing around a handler's body: every handler that is called
 * by the kernel itself (tracepoints) uses them; the other mechanisms do it
 * for theirs.
 */
static __always_inline u64 ks_hook_enter(struct ks_hook *hook)
{
	preempt_disable_notrace();
	return ks_hook_count(hook);
}

static __always_inline void ks_hook_leave(struct ks_hook *hook, u64 token)
{
	ks_hook_counted(hook, token);
	preempt_enable_notrace();
}

static __always_inline u64 ks_hook_reenter(struct ks_hook *hook)
{
	preempt_disable_notrace();
	return ks_hook_recount(hook);
}

static __always_inline void ks_hook_releave(struct ks_hook *hook, u64 token)
{
	ks_hook_recounted(hook, token);
	preempt_enable_notrace();
}

/* Preemption is off: this record is one of those that are kept. */
static inline bool ks_hook_keeps(struct ks_hook *hook, u32 keep)
{
	/* Every n-th would be those that are timed, or none of them, for ever. */
	u32 random = __this_cpu_read(hook->stats->random) * 1664525 + 1013904223;

	__this_cpu_write(hook->stats->random, random);
	return keep != KS_KEEP_NONE && (u64)random * keep < BIT_ULL(32);
}

int ks_engine_init(void);
void ks_engine_uninit(void);
unsigned int ks_engine_hooks(void);
/* false: the module was loaded to observe nothing, no hook is ever armed. */
bool ks_engine_observes(void);

/*
 * One more, one fewer user of every hook that the events want; events has a
 * bit for each enum ks_event_index.  May sleep.
 */
void ks_engine_arm(u64 events);
void ks_engine_disarm(u64 events);
/* What sessions want of what is armed has changed.  May sleep. */
void ks_engine_wanted(void);
/* Whether hook serves one of events. */
bool ks_engine_serves(const struct ks_hook *hook, u64 events);

/*
 * The governor's: takes the probes of an armed hook away, or puts them back;
 * false: there is nothing to be done.  May sleep.
 */
bool ks_engine_suspend(struct ks_hook *hook);
bool ks_engine_resume(struct ks_hook *hook);
/* ns that its hits took since load, as far as one in so many tells. */
u64 ks_engine_cost(const struct ks_hook *hook);

/* Asks look about every hook that is attached; those stay so meanwhile.  May sleep. */
void ks_engine_each(void (*look)(const struct ks_mechanism *mechanism, struct ks_hook *hook,
				 void *data), void *data);
/* Some hook is, or was when it was asked. */
bool ks_engine_is_armed(void);

/* stats.c: hits and times of info. */
void ks_hook_sum_stats(const struct ks_hook *hook, struct ksonde_hook_info *info);
int ks_engine_describe(unsigned int index, struct ksonde_hook_info *info);
u64 ks_engine_missed(const struct ks_hook *hook);

/* Address of a kernel symbol, 0 when there is none.  May sleep. */
unsigned long ks_symbol(const char *name);

#endif /* KS_HOOK_H */
