// SPDX-License-Identifier: GPL-2.0-only
/* Until v7.1: then there is struct task_exec_state. */
#include <linux/mm_types.h>
#include <linux/sched/coredump.h>

static int __maybe_unused probe(struct mm_struct *mm)
{
	return get_dumpable(mm);
}
