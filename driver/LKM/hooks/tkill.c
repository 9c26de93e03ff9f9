// SPDX-License-Identifier: GPL-2.0-only
/* A thread is sent a signal, whatever process it belongs to. */
#include "../core/record.h"
#include "../engine/hook.h"
#include "target.h"

static void find(struct ks_target *target, const struct ks_syscall *call)
{
	ks_target_find(target, call->arg[0]);
}

static bool enter(struct ks_hook *hook, const struct ks_syscall *call, void *data)
{
	if (!ks_is_wanted(tkill))
		return false;
	find(data, call);
	return true;
}

static void leave(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	struct ks_event_tkill *e;
	struct ks_record *record;
	struct ks_target late;

	if (!ks_is_wanted(tkill))
		return;
	record = ks_record_begin(hook, tkill);
	if (!record)
		return;
	e = ks_record_event(record, tkill);
	if (!data)
		find(&late, call);
	if (!ks_target_put(data ? data : &late, &e->target_tgid, &e->target_start_time)) {
		ks_absent(record, tkill, target_tgid);
		ks_absent(record, tkill, target_start_time);
	}
	e->thread = call->arg[0];
	e->signal = call->arg[1];
	e->result = call->ret;
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_SYSCALL_FROM("tkill", enter, leave, sizeof(struct ks_target)),
	KS_SYS_EXIT("tkill", leave),
	{}
};

struct ks_hook ks_hook_tkill = {
	.name = "tkill",
	.event = KS_EV_tkill,
	.points = points,
};
