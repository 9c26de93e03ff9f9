/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_SCHED_H
#define SHIM_SCHED_H

#include <linux/types.h>

#define TASK_COMM_LEN	16

#define KS_HAVE_START_BOOTTIME

struct task_struct {
	struct task_struct *group_leader;
	u64 start_boottime;
	char comm[TASK_COMM_LEN];
};

#endif /* SHIM_SCHED_H */
