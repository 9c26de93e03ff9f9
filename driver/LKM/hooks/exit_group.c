// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process calls exit_group(2).  A signal that kills it comes to the same
 * function, with its number below the status.
 */
#include "../core/record.h"
#include "../engine/hook.h"

static void exit_group(struct ks_hook *hook, const struct ks_call *call)
{
	u32 status = call->arg[0];
	struct ks_record *record;

	if (!ks_is_wanted(exit_group) || status & 0x7f)
		return;
	record = ks_record_begin(hook, exit_group);
	if (!record)
		return;
	ks_record_event(record, exit_group)->code = (status >> 8) & 0xff;
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_FTRACE("do_group_exit", exit_group),
	KS_KPROBE("do_group_exit", exit_group),
	{}
};

struct ks_hook ks_hook_exit_group = {
	.name = "exit_group",
	.event = KS_EV_exit_group,
	.points = points,
};
