// SPDX-License-Identifier: GPL-2.0-only
/* The last thread of a process ends, whatever the reason. */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include "../compat/trace_sched.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

/* As wait(2) gets it. */
static u32 exit_status(const struct task_struct *task)
{
	const struct signal_struct *signal = task->signal;

	if (signal->flags & SIGNAL_GROUP_EXIT)
		return signal->group_exit_code;
	return task->group_leader->exit_code;
}

static void record_exit(struct ks_hook *hook, struct task_struct *task)
{
	struct ks_record *record = ks_record_begin(hook, exit);
	struct ks_event_exit *e;
	u32 status;

	if (!record)
		return;
	e = ks_record_event(record, exit);
	status = exit_status(task);
	e->signal = status & 0x7f;
	e->core_dumped = !!(status & 0x80);
	e->code = (status >> 8) & 0xff;
	if (e->signal) {
		e->code = 0;
		ks_absent(record, exit, code);
	} else {
		ks_absent(record, exit, signal);
	}
	e->run_time = e->h.time - ks_process_start_time(task);
	e->peak_rss = (u64)task->signal->maxrss << PAGE_SHIFT;
	ks_record_commit(record);
}

static void KS_SCHED_PROCESS_EXIT(process_exit)
{
	struct ks_hook *hook = data;
	u64 token = ks_hook_enter(hook);

	if (ks_process_exited(task) && ks_is_wanted(exit))
		record_exit(hook, task);
	ks_hook_leave(hook, token);
}

static const struct ks_point points[] = {
	KS_TRACEPOINT("sched_process_exit", process_exit),
	{}
};

struct ks_hook ks_hook_process_exit = {
	.name = "process_exit",
	.event = KS_EV_exit,
	.always = true,
	.points = points,
};
