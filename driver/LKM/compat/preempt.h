/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/preempt.h>
 * A kprobe made of a breakpoint looks like an NMI to in_task(), whatever it
 * interrupted: the exception's own share of the count is taken off first.
 */
#ifndef KS_COMPAT_PREEMPT_H
#define KS_COMPAT_PREEMPT_H

#include <linux/preempt.h>

/* Whether current is a bystander. */
static inline bool ks_in_interrupt(void)
{
	unsigned int count = preempt_count();

	if (count & NMI_MASK)
		count -= NMI_OFFSET + HARDIRQ_OFFSET;
	return (count & (NMI_MASK | HARDIRQ_MASK)) || in_serving_softirq();
}

#endif /* KS_COMPAT_PREEMPT_H */
