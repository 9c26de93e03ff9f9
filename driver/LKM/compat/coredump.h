/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/sched/coredump.h>
 * Since v7.2 whether a process may be dumped is not the memory's any more but
 * in struct task_exec_state; get_dumpable() went.
 */
#ifndef KS_COMPAT_COREDUMP_H
#define KS_COMPAT_COREDUMP_H

#include <linux/mm_types.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>

#ifndef KS_HAVE_GET_DUMPABLE
#include <linux/sched/exec_state.h>
#endif

/* SUID_DUMP_* of current, which has memory. */
static inline int ks_dumpable(void)
{
#ifdef KS_HAVE_GET_DUMPABLE
	return get_dumpable(current->mm);
#else
	int dumpable;

	rcu_read_lock();
	dumpable = READ_ONCE(rcu_dereference(current->exec_state)->dumpable);
	rcu_read_unlock();
	return dumpable;
#endif
}

#endif /* KS_COMPAT_COREDUMP_H */
