// SPDX-License-Identifier: GPL-2.0-only
/*
 * What not to record, decided before anything costly is done: what ks_filter()
 * needs when something is held back.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include "../context/context.h"
#include "limits.h"
#include "rules.h"
#include "session.h"

u32 ks_filter_count(u32 bit)
{
	struct ks_session *session = rcu_dereference_sched(ks_sessions[__ffs(bit)]);

	/* It may have stopped since the caller saw it. */
	if (session)
		local64_inc(&session->cpus[smp_processor_id()]->filtered);
	return bit;
}

u32 ks_filter_closely(u32 sessions, u32 event, const struct ks_about *about)
{
	u32 left, bit, out = 0;
	const struct ks_rules *rules;
	struct ks_session *session;
	struct ks_limits *limits;

	for (left = sessions; left; left &= left - 1) {
		bit = left & -left;
		session = rcu_dereference_sched(ks_sessions[__ffs(bit)]);
		if (!session)
			continue;
		rules = rcu_dereference_sched(session->rules);
		if ((READ_ONCE(session->asked) & KSONDE_FILTER_TREE &&
		     !(ks_process_trees() & bit)) ||
		    (rules && ks_rules_hold_back(rules, event, about)))
			out |= ks_filter_count(bit);
		if (out & bit)
			continue;
		limits = rcu_dereference_sched(session->limits);
		if (limits && ks_limits_withhold(limits, event)) {
			ks_deliver_drop(session, event, KSONDE_DROP_RATE_LIMIT);
			out |= bit;
		}
	}
	return out;
}

u32 ks_filter_nobody(u32 sessions, u32 event, const struct ks_about *about)
{
	const struct ks_rules *rules;
	struct ks_session *session;
	struct ks_limits *limits;
	u32 left, bit, out = 0;

	for (left = sessions; left; left &= left - 1) {
		bit = left & -left;
		session = rcu_dereference_sched(ks_sessions[__ffs(bit)]);
		if (!session)
			continue;
		rules = rcu_dereference_sched(session->rules);
		if (rules && ks_rules_hold_back(rules, event, about)) {
			out |= ks_filter_count(bit);
			continue;
		}
		limits = rcu_dereference_sched(session->limits);
		if (limits && ks_limits_withhold_all(limits, event)) {
			ks_deliver_drop(session, event, KSONDE_DROP_RATE_LIMIT);
			out |= bit;
		}
	}
	return sessions & ~out;
}
