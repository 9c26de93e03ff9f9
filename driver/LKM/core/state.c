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
		if (READ_ONCE(ks_hooks[i]->state) == KSONDE_HOOK_UNAVAILABLE)
			sum.unavailable++;
		else
			sum.armed++;
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
	default:
		return KS_STATE_HOOK_UNAVAILABLE;
	}
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
		e->hook_event = info->event;
		e->mechanism = info->mechanism;
		ks_record_string(r, &e->hook_name, info->name,
				 strnlen(info->name, sizeof(info->name)));
		ks_record_string(r, &e->detail, info->detail,
				 strnlen(info->detail, sizeof(info->detail)));
	} else {
		ks_absent(r, session_state, hook_name);
		ks_absent(r, session_state, detail);
	}
	if (!info || !info->event)
		ks_absent(r, session_state, hook_event);
	if (!info || info->state == KSONDE_HOOK_UNAVAILABLE)
		ks_absent(r, session_state, mechanism);
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
		if (!ks_engine_describe(i, &info))
			state_put(session, state_of(&info), &info);
	}
}
