/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/fs.h>
 * v6.12, cb787f4ac0c2 ("[tree-wide] finally take no_llseek out"): a missing
 * llseek means the same.
 * v6.7, 077c212f0344 ("fs: new accessor methods for atime and mtime"),
 * def3ae83da02 ("fs: store real path instead of fake path in backing file f_path").
 * v5.10, 407e9c63ee57 ("vfs: move the generic write and copy checks out of mm"):
 * before, generic_file_write_iter() has generic_write_checks() inlined.
 * v5.5, 2952db0fd51b ("compat_ioctl: add compat_ptr_ioctl()").
 * v4.19, 73a09dd94377 ("introduce FMODE_CREATED and switch to it"),
 * d3b1084dfd63 ("vfs: make open_with_fake_path() not contribute to nr_files").
 * v4.18, 95582b008388 ("vfs: change inode times to use struct timespec64").
 */
#ifndef KS_COMPAT_FS_H
#define KS_COMPAT_FS_H

#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/time64.h>
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

	return timespec64_to_ns(&time);
#else
	return inode->i_mtime.tv_sec * NSEC_PER_SEC + inode->i_mtime.tv_nsec;
#endif
}

/* Of a stacked file system's own file, the path that the program has opened. */
static inline const struct path *ks_file_user_path(struct file *file)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return file_user_path(file);
#else
	return &file->f_path;
#endif
}

#ifdef FMODE_CREATED
#define KS_FMODE_CREATED	FMODE_CREATED
#define KS_IF_FMODE_CREATED(...)	__VA_ARGS__,
#else
#define KS_FMODE_CREATED	((__force fmode_t)0)
#define KS_IF_FMODE_CREATED(...)
#endif

/* What the kernel has opened below a file of a stacked file system. */
#ifdef FMODE_NOACCOUNT
#define KS_FMODE_INNER		FMODE_NOACCOUNT
#else
#define KS_FMODE_INNER		((__force fmode_t)0)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#define KS_IF_WRITE_CHECKS_INLINED(...)	__VA_ARGS__,
#else
#define KS_IF_WRITE_CHECKS_INLINED(...)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 5, 0)
#ifdef CONFIG_COMPAT
static inline long ks_compat_ptr_ioctl(struct file *file, unsigned int command,
				       unsigned long argument)
{
	return file->f_op->unlocked_ioctl(file, command, (unsigned long)compat_ptr(argument));
}

#else
#define ks_compat_ptr_ioctl	NULL
#endif
#else
#define ks_compat_ptr_ioctl	compat_ptr_ioctl
#endif

#endif /* KS_COMPAT_FS_H */
