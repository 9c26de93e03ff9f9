/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/proc_fs.h>
 * v5.8 ("proc: allow to mount many instances of proc in one pid
 * namespace"): before, the superblock has the pid namespace itself.
 */
#ifndef KS_COMPAT_PROC_FS_H
#define KS_COMPAT_PROC_FS_H

#include <linux/fs.h>
#include <linux/pid_namespace.h>
#include <linux/proc_fs.h>

static inline struct pid_namespace *ks_proc_pid_ns(struct super_block *sb)
{
#ifdef KS_HAVE_PROC_FS_INFO
	return proc_sb_info(sb)->pid_ns;
#else
	return sb->s_fs_info;
#endif
}

#endif /* KS_COMPAT_PROC_FS_H */
