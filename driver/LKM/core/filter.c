// SPDX-License-Identifier: GPL-2.0-only
/*
 * What not to record, decided before anything costly is done.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include "../context/context.h"
#include "session.h"

static bool filter_holds_back(const struct ksonde_filter *filter, u32 bit)
{
	u32 flags = READ_ONCE(filter->flags);

	if ((flags & KSONDE_FILTER_SKIP_TGID) &&
	    READ_ONCE(filter->skip_tgid) == (u32)current->tgid)
		return true;
	return (flags & KSONDE_FILTER_TREE) && !(ks_process_trees() & bit);
}

u32 ks_filter(u32 sessions)
{
	struct ks_session *session;
	u32 left = sessions, bit;

	while (left) {
		bit = left & -left;
		left &= ~bit;
		session = rcu_dereference_sched(ks_sessions[__ffs(bit)]);
		if (!session) {
			sessions &= ~bit;
		} else if (filter_holds_back(&session->filter, bit)) {
			local64_inc(&session->cpus[smp_processor_id()]->filtered);
			sessions &= ~bit;
		}
	}
	return sessions;
}
