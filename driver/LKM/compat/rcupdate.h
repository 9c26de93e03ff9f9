/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/rcupdate.h>
 * v4.20, 45975c7d21a1 ("rcu: Define RCU-sched API in terms of RCU for Tree RCU
 * PREEMPT builds"): before, synchronize_rcu() does not wait for who has only
 * preemption off, and that is no reader's critical section.
 */
#ifndef KS_COMPAT_RCUPDATE_H
#define KS_COMPAT_RCUPDATE_H

#include <linux/rcupdate.h>

/* Waits until every probe that is running has ended: they have preemption off. */
static inline void ks_synchronize_probes(void)
{
#ifdef KS_HAVE_SYNCHRONIZE_SCHED
	synchronize_sched();
#else
	synchronize_rcu();
#endif
}

/* For a probe, whose preemption is off; with rcu_dereference_sched(). */
static __always_inline void ks_probe_read_lock(void)
{
#ifdef KS_HAVE_SYNCHRONIZE_SCHED
	rcu_read_lock();
#endif
}

static __always_inline void ks_probe_read_unlock(void)
{
#ifdef KS_HAVE_SYNCHRONIZE_SCHED
	rcu_read_unlock();
#endif
}

#endif /* KS_COMPAT_RCUPDATE_H */
