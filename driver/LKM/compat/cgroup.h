/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/cgroup.h>
 * v5.5, 743210386c03 ("cgroup: use cgrp->kn->id as the cgroup ID"): before, the
 * same id, of inode number and generation, was a union's.
 * CONFIG_CGROUPS may be off.
 */
#ifndef KS_COMPAT_CGROUP_H
#define KS_COMPAT_CGROUP_H

#include <linux/cgroup.h>

/* Under rcu_read_lock(). */
static inline bool ks_current_cgroup(u64 *id)
{
#ifdef CONFIG_CGROUPS
	struct cgroup *cgroup = task_dfl_cgroup(current);

#ifdef KS_HAVE_CGROUP_ID
	*id = cgroup_id(cgroup);
#else
	*id = cgroup->kn->id.id;
#endif
	return true;
#else
	return false;
#endif
}

#endif /* KS_COMPAT_CGROUP_H */
