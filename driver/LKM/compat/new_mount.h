/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System calls of <linux/mount.h>: v5.2, 2db154b3ea8e ("vfs: syscall: Add
 * move_mount(2) to move mounts around") and those that follow it.
 */
#ifndef KS_COMPAT_NEW_MOUNT_H
#define KS_COMPAT_NEW_MOUNT_H

#ifdef KS_HAVE_NEW_MOUNT
#define KS_IF_NEW_MOUNT(...)	__VA_ARGS__
#else
#define KS_IF_NEW_MOUNT(...)
#endif

#endif /* KS_COMPAT_NEW_MOUNT_H */
