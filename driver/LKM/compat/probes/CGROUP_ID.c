// SPDX-License-Identifier: GPL-2.0-only
/* v5.5, 743210386c03 ("cgroup: use cgrp->kn->id as the cgroup ID"). */
#include <linux/cgroup.h>

static u64 __maybe_unused probe(struct cgroup *cgroup)
{
#ifdef CONFIG_CGROUPS
	return cgroup_id(cgroup);
#else
	return 0;
#endif
}
