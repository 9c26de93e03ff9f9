/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/fs.h>
 * v6.12, cb787f4ac0c2 ("[tree-wide] finally take no_llseek out"): a missing
 * llseek means the same.
 * v6.7, 077c212f0344 ("fs: new accessor methods for atime and mtime").
 */
#ifndef KS_COMPAT_FS_H
#define KS_COMPAT_FS_H

#include <linux/fs.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define ks_no_llseek	NULL
#else
#define ks_no_llseek	no_llseek
#endif

static inline s64 ks_inode_mtime(const struct inode *inode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	struct timespec64 time = inode_get_mtime(inode);
#else
	struct timespec64 time = inode->i_mtime;
#endif

	return timespec64_to_ns(&time);
}

#endif /* KS_COMPAT_FS_H */
