/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/cgroup.h>
 * CONFIG_CGROUPS may be off.
 */
#ifndef KS_COMPAT_CGROUP_H
#define KS_COMPAT_CGROUP_H

#include <linux/cgroup.h>

/* Under rcu_read_lock(). */
static inline bool ks_current_cgroup(u64 *id)
{
#ifdef CONFIG_CGROUPS
	*id = cgroup_id(task_dfl_cgroup(current));
	return true;
#else
	return false;
#endif
}

#endif /* KS_COMPAT_CGROUP_H */
