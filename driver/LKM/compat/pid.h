/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/pid_namespace.h>
 * v4.15, 95846ecf9dac ("pid: replace pid bitmap implementation with IDR API"):
 * before, numbers that are used are not to be had but one by one.
 */
#ifndef KS_COMPAT_PID_H
#define KS_COMPAT_PID_H

#include <linux/idr.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/threads.h>
#include <linux/version.h>

/* The first pid of the initial namespace from *number on; NULL: none.  Under RCU. */
static inline struct pid *ks_pid_next(int *number)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 15, 0)
	return idr_get_next(&init_pid_ns.idr, number);
#else
	struct pid *pid = NULL;

	while (*number < PID_MAX_LIMIT) {
		pid = find_pid_ns(*number, &init_pid_ns);
		if (pid)
			break;
		++*number;
	}
	return pid;
#endif
}

#endif /* KS_COMPAT_PID_H */
