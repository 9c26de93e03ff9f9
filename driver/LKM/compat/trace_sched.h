/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <trace/events/sched.h>, <trace/events/task.h>: the prototypes of the
 * probes, exact, as control-flow integrity wants them.
 * v6.16: sched_process_exit gains group_dead.
 * v6.18: clone_flags of task_newtask is a u64.
 */
#ifndef KS_COMPAT_TRACE_SCHED_H
#define KS_COMPAT_TRACE_SCHED_H

#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define KS_SCHED_PROCESS_EXIT(function) \
	function(void *data, struct task_struct *task, bool group_dead)
#else
#define KS_SCHED_PROCESS_EXIT(function) \
	function(void *data, struct task_struct *task)
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define KS_TASK_NEWTASK(function) \
	function(void *data, struct task_struct *task, u64 clone_flags)
#else
#define KS_TASK_NEWTASK(function) \
	function(void *data, struct task_struct *task, unsigned long clone_flags)
#endif

#endif /* KS_COMPAT_TRACE_SCHED_H */
