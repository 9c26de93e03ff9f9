// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process makes itself the leader of a new session: daemons do, and what
 * wants to outlive a login.
 */
#include "../core/record.h"
#include "../engine/hook.h"

static void leave(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	struct ks_event_setsid *e;
	struct ks_record *record;

	if (!ks_is_wanted(setsid))
		return;
	record = ks_record_begin(hook, setsid);
	if (!record)
		return;
	e = ks_record_event(record, setsid);
	e->result = call->ret;
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_SYSCALL("setsid", leave),
	KS_SYS_EXIT("setsid", leave),
	{}
};

struct ks_hook ks_hook_setsid = {
	.name = "setsid",
	.event = KS_EV_setsid,
	.points = points,
};
