/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fs/mount.h, which modules cannot include: in struct mount the parent and
 * the place where it is mounted stand right before the vfsmount, from v3.3 to
 * v7.3 at least.  Read with care all the same, as it is private.
 */
#ifndef KS_COMPAT_MOUNT_H
#define KS_COMPAT_MOUNT_H

#include <linux/mount.h>
#include "uaccess.h"

struct ks_mount {
	struct ks_mount *parent;
	struct dentry *mountpoint;
	struct vfsmount mnt;
};

/* One mount up: false at the top, and where that cannot be told.  Under RCU. */
static inline bool ks_mount_up(const struct vfsmount **mnt, const struct dentry **dentry)
{
	const struct ks_mount *mount = container_of(*mnt, struct ks_mount, mnt);
	struct vfsmount *parent;
	struct dentry *at;
	unsigned long up;

	/* The kernel's struct begins before ours, by the hash list's node. */
	if (copy_from_kernel_nofault(&up, &mount->parent, sizeof(up)) ||
	    copy_from_kernel_nofault(&at, &mount->mountpoint, sizeof(at)))
		return false;
	up += sizeof(struct hlist_node) + offsetof(struct ks_mount, mnt);
	parent = (struct vfsmount *)up;
	if (parent == *mnt)
		return false;
	*mnt = parent;
	*dentry = at;
	return true;
}

#endif /* KS_COMPAT_MOUNT_H */
