// SPDX-License-Identifier: GPL-2.0-only
/*
 * session_state records: the stream itself tells what it covers.
 */
#include <linux/string.h>
#include "../engine/hook.h"
#include "record.h"
#include "session.h"

struct ks_state_sum {
	u32 armed;
	u32 unavailable;
};

static struct ks_state_sum state_sum(struct ks_session *session)
{
	struct ks_state_sum sum = {};
	unsigned int i;

	for (i = 0; i < ks_engine_hooks(); i++) {
		if (!ks_engine_serves(ks_hooks[i], session->wanted))
			continue;
		switch (READ_ONCE(ks_hooks[i]->state)) {
		case KSONDE_HOOK_UNAVAILABLE:
			sum.unavailable++;
			break;
		case KSONDE_HOOK_DISARMED:
			break;
		default:
			sum.armed++;
		}
	}
	return sum;
}

static enum ks_state_change state_of(const struct ksonde_hook_info *info)
{
	switch (info->state) {
	case KSONDE_HOOK_ARMED:
		return KS_STATE_HOOK_ARMED;
	case KSONDE_HOOK_DEGRADED:
		return KS_STATE_HOOK_DEGRADED;
	case KSONDE_HOOK_DISARMED:
		return KS_STATE_HOOK_DISARMED;
	default:
		return KS_STATE_HOOK_UNAVAILABLE;
	}
}

static void state_costs(struct ks_record *r, struct ks_event_session_state *e,
			const struct ksonde_hook_info *info)
{
	if (e->what >= KS_STATE_HOOK_THINNED) {
		if (info->state == KSONDE_HOOK_DISARMED || info->keep == KS_KEEP_NONE)
			e->one_of = 0;
		else
			e->one_of = max(info->keep, 1U);
		e->hook_cost = info->cost;
		ks_governor_costs(&e->all_cost, &e->budget);
		return;
	}
	ks_absent(r, session_state, one_of);
	ks_absent(r, session_state, hook_cost);
	ks_absent(r, session_state, all_cost);
	ks_absent(r, session_state, budget);
}

static void state_hook(struct ks_record *r, struct ks_event_session_state *e,
		       const struct ksonde_hook_info *info)
{
	e->hook_event = info->event;
	e->mechanism = info->mechanism;
	ks_record_string(r, &e->hook_name, info->name, strnlen(info->name, sizeof(info->name)));
	if (e->what < KS_STATE_HOOK_THINNED)
		ks_record_string(r, &e->detail, info->detail,
				 strnlen(info->detail, sizeof(info->detail)));
	else
		ks_absent(r, session_state, detail);
}

static void state_put(struct ks_session *session, enum ks_state_change what,
		      const struct ksonde_hook_info *info)
{
	struct ks_state_sum sum = state_sum(session);
	struct ks_event_session_state *e;
	struct ks_record *r;

	r = ks_record_begin_plain(session->bit, session_state);
	if (!r)
		return;
	e = ks_record_event(r, session_state);
	e->what = what;
	e->hooks_armed = sum.armed;
	e->hooks_unavailable = sum.unavailable;
	if (info) {
		state_hook(r, e, info);
	} else {
		ks_absent(r, session_state, hook_name);
		ks_absent(r, session_state, detail);
	}
	if (!info || !info->event)
		ks_absent(r, session_state, hook_event);
	if (!info || info->state == KSONDE_HOOK_UNAVAILABLE)
		ks_absent(r, session_state, mechanism);
	state_costs(r, e, info);
	ks_record_commit(r);
}

void ks_state_tell(struct ks_session *session, enum ks_state_change what)
{
	state_put(session, what, NULL);
}

void ks_state_started(struct ks_session *session)
{
	struct ksonde_hook_info info;
	unsigned int i;

	state_put(session, KS_STATE_STARTED, NULL);
	for (i = 0; i < ks_engine_hooks(); i++) {
		if (!ks_engine_serves(ks_hooks[i], session->wanted))
			continue;
		if (ks_engine_describe(i, &info))
			continue;
		state_put(session, state_of(&info), &info);
		if (info.keep && info.state != KSONDE_HOOK_DISARMED)
			state_put(session, KS_STATE_HOOK_THINNED, &info);
	}
}

void ks_state_governed(const struct ks_hook *hook, enum ks_state_change what)
{
	struct ks_session *session;
	struct ksonde_hook_info info;
	unsigned int place;

	if (ks_engine_describe(hook->index, &info))
		return;
	if (info.state == KSONDE_HOOK_UNAVAILABLE)
		what = KS_STATE_HOOK_UNAVAILABLE;
	for (place = 0; place < KS_SESSIONS_MAX; place++) {
		/* As a probe: it is there, and its rings, until this ends. */
		preempt_disable();
		session = rcu_dereference_sched(ks_sessions[place]);
		if (session && session->wanted & BIT_ULL(hook->event))
			state_put(session, what, &info);
		preempt_enable();
	}
}
