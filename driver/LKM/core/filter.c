// SPDX-License-Identifier: GPL-2.0-only
/*
 * What not to record, decided before anything costly is done.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include "../context/context.h"
#include "session.h"

static u32 filter_count(u32 bit)
{
	struct ks_session *session = rcu_dereference_sched(ks_sessions[__ffs(bit)]);

	/* It may have stopped since the caller saw it. */
	if (session)
		local64_inc(&session->cpus[smp_processor_id()]->filtered);
	return bit;
}

/* Those of sessions, which follow trees, that do not follow this task. */
static noinline u32 filter_trees(u32 sessions)
{
	u32 out = sessions & ~ks_process_trees(), left;

	for (left = out; left; left &= left - 1)
		filter_count(left & -left);
	return out;
}

u32 ks_filter(u32 sessions)
{
	u32 left, bit, flags, out = 0, trees = 0;
	struct ks_session *session;

	for (left = sessions; left; left &= left - 1) {
		bit = left & -left;
		session = rcu_dereference_sched(ks_sessions[__ffs(left)]);
		if (unlikely(!session)) {
			out |= bit;
			continue;
		}
		flags = READ_ONCE(session->filter.flags);
		if (flags & KSONDE_FILTER_SKIP_TGID &&
		    unlikely(READ_ONCE(session->filter.skip_tgid) == (u32)current->tgid))
			out |= filter_count(bit);
		else if (unlikely(flags & KSONDE_FILTER_TREE))
			trees |= bit;
	}
	if (unlikely(trees))
		out |= filter_trees(trees);
	return sessions & ~out;
}
