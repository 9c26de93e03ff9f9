// SPDX-License-Identifier: GPL-2.0-only
/* A thread of a certain process is sent a signal. */
#include "../core/record.h"
#include "../engine/hook.h"
#include "target.h"

static void find(struct ks_target *target, const struct ks_syscall *call)
{
	struct ks_target process;

	ks_target_find(&process, call->arg[0]);
	ks_target_find(target, call->arg[1]);
	/* Where the thread is another process's, the kernel knows no such thread. */
	target->known &= process.known && process.process.tgid == target->process.tgid;
}

static bool enter(struct ks_hook *hook, const struct ks_syscall *call, void *data)
{
	if (!ks_is_wanted(tgkill))
		return false;
	find(data, call);
	return true;
}

static void leave(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	struct ks_event_tgkill *e;
	struct ks_record *record;
	struct ks_target late;

	if (!ks_is_wanted(tgkill))
		return;
	record = ks_record_begin(hook, tgkill);
	if (!record)
		return;
	e = ks_record_event(record, tgkill);
	if (!data)
		find(&late, call);
	if (!ks_target_put(data ? data : &late, &e->target_tgid, &e->target_start_time)) {
		ks_absent(record, tgkill, target_tgid);
		ks_absent(record, tgkill, target_start_time);
	}
	e->pid = call->arg[0];
	e->thread = call->arg[1];
	e->signal = call->arg[2];
	e->result = call->ret;
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_SYSCALL_FROM("tgkill", enter, leave, sizeof(struct ks_target)),
	KS_SYS_EXIT("tgkill", leave),
	{}
};

struct ks_hook ks_hook_tgkill = {
	.name = "tgkill",
	.event = KS_EV_tgkill,
	.points = points,
};
