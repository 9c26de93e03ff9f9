/* SPDX-License-Identifier: GPL-2.0-only */
/* Which changes of the kernel's code are those of ftrace and kprobes. */
#ifndef KS_PROBED_H
#define KS_PROBED_H

#include "../engine/owner.h"

struct kprobe;
struct kprobe_insn_cache;

/* Functions of the kernel; NULL: it has none, or none that may be called. */
struct ks_probed {
	bool (*is_trampoline)(unsigned long address);
	bool (*is_slot)(struct kprobe_insn_cache *slots, unsigned long address);
	struct kprobe_insn_cache *slots;
	struct kprobe *(*kprobe)(void *address);
	bool (*is_module_text)(unsigned long address);
	bool blind;		/* one of them, but the last, cannot be asked */
};

/* Whose code is. */
enum ks_owned {
	KS_OWNED,
	KS_OWNED_UNKNOWN,	/* this kernel does not let that be told */
	KS_OWNED_BY_NOBODY,
};

void ks_probed_init(struct ks_probed *probed);
/* target, which owner is about, is code that ftrace, kprobes or BPF have made to be called. */
bool ks_probed_target(const struct ks_probed *probed, const struct ks_owner *owner,
		      unsigned long target);
/* Leaves in owner who it is: the kernel, a module, or what ftrace, kprobes or BPF have made. */
enum ks_owned ks_probed_owned(const struct ks_probed *probed, struct ks_owner *owner,
			      unsigned long address);
/* A kprobe sits there. */
bool ks_probed_at(const struct ks_probed *probed, unsigned long address);
/* A kprobe sits right before: what was read there as an instruction may be none. */
bool ks_probed_near(const struct ks_probed *probed, unsigned long function, u32 offset);

#endif /* KS_PROBED_H */
