/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the trampolines (fexit_x86.S) and fexit.c share.
 */
#ifndef KS_FEXIT_H
#define KS_FEXIT_H

/* Trampolines: functions that can be followed at once. */
#define KS_FEXIT_SLOTS		8
/* sizeof(struct ks_fexit_frame), and what is where in it. */
#define KS_FEXIT_FRAME		128
#define KS_FEXIT_CALLER		48
#define KS_FEXIT_GENERATION	56

/* Of those that only look at the entry, whether bits are set; and struct ks_call. */
#define KS_FENTRY_SLOTS		2
#define KS_FENTRY_FRAME		56

#ifndef __ASSEMBLER__

#include <linux/linkage.h>
#include <linux/percpu.h>
#include "hook.h"

/* A call that is followed, on the stack of who calls. */
struct ks_fexit_frame {
	struct ks_call call;	/* without its caller where nobody is asked at the entry */
	u64 generation;		/* of the attachment that follows it */
	u8 data[KS_FEXIT_DATA] __aligned(8);
};

/* Calls in a trampoline, or behind it; only the sum over all CPUs tells. */
DECLARE_PER_CPU(u32 [KS_FEXIT_SLOTS], ks_fexit_calls);
/* Of the attachments, 0: there is none. */
extern u64 ks_fexit_generations[KS_FEXIT_SLOTS];
/* Whether ks_fexit_enter() is to be asked. */
extern u8 ks_fexit_asks[KS_FEXIT_SLOTS];

/* From the trampolines: a function is entered; true: its return is wanted, too. */
asmlinkage bool ks_fexit_enter(unsigned int slot, struct ks_fexit_frame *frame);
/* It returns. */
asmlinkage void ks_fexit_leave(unsigned int slot, struct ks_fexit_frame *frame, long ret);

/* ftrace.c: which bits, in what of the first argument; 0: none. */
extern u32 ks_fentry_bits[KS_FENTRY_SLOTS];
extern u32 ks_fentry_offsets[KS_FENTRY_SLOTS];
/* One of them is set. */
asmlinkage void ks_fentry_enter(unsigned int slot, const struct ks_call *call);

/* Trampolines are in use: the module waits for them when it is unloaded. */
void ks_fexit_use(void);
/* One of ours begins there. */
bool ks_fexit_is_trampoline(unsigned long address);

#endif /* __ASSEMBLER__ */
#endif /* KS_FEXIT_H */
