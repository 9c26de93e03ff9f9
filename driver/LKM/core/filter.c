// SPDX-License-Identifier: GPL-2.0-only
/*
 * What not to record, decided before anything costly is done: what ks_filter()
 * needs when something is held back.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include "../context/context.h"
#include "session.h"

u32 ks_filter_count(u32 bit)
{
	struct ks_session *session = rcu_dereference_sched(ks_sessions[__ffs(bit)]);

	/* It may have stopped since the caller saw it. */
	if (session)
		local64_inc(&session->cpus[smp_processor_id()]->filtered);
	return bit;
}

u32 ks_filter_trees(u32 sessions)
{
	u32 out = sessions & ~ks_process_trees(), left;

	for (left = out; left; left &= left - 1)
		ks_filter_count(left & -left);
	return out;
}
