/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/pidfs.h>
 * v6.9, cb12fd8e0dab ("pidfd: add pidfs"): the file's inode knows the pid,
 * before it was the file itself.
 */
#ifndef KS_COMPAT_PIDFD_H
#define KS_COMPAT_PIDFD_H

#include <linux/fs.h>
#include <linux/pid.h>
#include <linux/version.h>
#include "file.h"

/* Of a file that is known to be a pidfd. */
static inline struct pid *ks_pidfd_pid(const struct file *file)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	return file_inode(file)->i_private;
#else
	return file->private_data;
#endif
}

#endif /* KS_COMPAT_PIDFD_H */
