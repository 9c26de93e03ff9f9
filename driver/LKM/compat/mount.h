/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fs/mount.h, which modules cannot include: in struct mount the parent and
 * the place where it is mounted stand right before the vfsmount, from v3.3 to
 * v7.3 at least.
 */
#ifndef KS_COMPAT_MOUNT_H
#define KS_COMPAT_MOUNT_H

#include <linux/dcache.h>
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

	/* Within the one object that the vfsmount is in the middle of. */
	up = (unsigned long)READ_ONCE(mount->parent);
	at = READ_ONCE(mount->mountpoint);
	/* The kernel's struct begins before ours, by the hash list's node. */
	up += sizeof(struct hlist_node) + offsetof(struct ks_mount, mnt);
	parent = (struct vfsmount *)up;
	*dentry = at;
	if (parent == *mnt)
		return false;
	*mnt = parent;
	return true;
}

/* Whether a mount is as above says: what it is mounted on is of its parent's file system. */
static inline bool ks_mount_is_known(const struct vfsmount *mnt)
{
	const struct super_block *of_parent, *of_place;
	const struct vfsmount *parent = mnt;
	const struct dentry *at;

	if (!ks_mount_up(&parent, &at))
		return at == mnt->mnt_root;
	return !copy_from_kernel_nofault(&of_parent, &parent->mnt_sb, sizeof(of_parent)) &&
	       !copy_from_kernel_nofault(&of_place, &at->d_sb, sizeof(of_place)) &&
	       of_parent == of_place;
}

#endif /* KS_COMPAT_MOUNT_H */
