/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/sched.h>
 * v5.5, cf25e24db61c ("time: Rename tsk->real_start_time to
 * ->start_boottime").
 * v5.17, 06c5088aeedd ("fs/exec: replace strlcpy with strscpy_pad in
 * __set_task_comm"): before, comm is not NUL-padded.
 */
#ifndef KS_COMPAT_SCHED_H
#define KS_COMPAT_SCHED_H

#include <linux/sched.h>
#include <linux/string.h>
#include <linux/version.h>

static inline u64 ks_start_boottime(const struct task_struct *task)
{
#ifdef KS_HAVE_START_BOOTTIME
	return task->start_boottime;
#else
	return task->real_start_time;
#endif
}

/* Without the task's lock: a thread renamed right now may give a mixture. */
static inline void ks_copy_comm(u8 *to, const struct task_struct *task)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 17, 0)
	memcpy(to, task->comm, TASK_COMM_LEN);
	to[TASK_COMM_LEN - 1] = '\0';
#else
	size_t length = strnlen(task->comm, TASK_COMM_LEN - 1);

	memcpy(to, task->comm, length);
	memset(to + length, 0, TASK_COMM_LEN - length);
#endif
}

#endif /* KS_COMPAT_SCHED_H */
