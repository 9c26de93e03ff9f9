// SPDX-License-Identifier: GPL-2.0-only
/*
 * v5.5, cf25e24db61c ("time: Rename tsk->real_start_time to
 * ->start_boottime").
 */
#include <linux/sched.h>

static u64 __maybe_unused probe(const struct task_struct *task)
{
	return task->start_boottime;
}
