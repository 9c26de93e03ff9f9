/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fs/overlayfs/ovl_entry.h, private to it: how struct ovl_fs begins, and that
 * a layer begins with its mount; the first layer is the upper one, without a
 * mount when there is none.
 * v5.8, 08f4c7c86d4c ("ovl: add accessor for ofs->upper_mnt"): before, it begins
 * with the upper layer's mount.
 * numdatalayer came with v6.5, "ovl: introduce data-only lower layers".
 * v4.19, "vfs: remove open_flags from d_real()".
 */
#ifndef KS_COMPAT_OVERLAYFS_H
#define KS_COMPAT_OVERLAYFS_H

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/version.h>
#include "uaccess.h"

struct ks_ovl_fs {
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 8, 0)
	struct vfsmount *upper;
#else
	unsigned int numlayer;
	unsigned int numfs;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	unsigned int numdatalayer;
#endif
	struct vfsmount **layers;
#endif
};

/* The upper layer's mount, NULL when there is none or it cannot be told. */
static inline struct vfsmount *ks_overlay_upper_mount(const struct super_block *sb)
{
	struct vfsmount *mnt = NULL;
	struct ks_ovl_fs ofs;

	if (copy_from_kernel_nofault(&ofs, sb->s_fs_info, sizeof(ofs)))
		return NULL;
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 8, 0)
	mnt = ofs.upper;
#else
	if (!ofs.numlayer || ofs.numlayer > 1024 ||
	    copy_from_kernel_nofault(&mnt, ofs.layers, sizeof(mnt)))
		return NULL;
#endif
	return mnt;
}

static inline struct dentry *ks_d_real(struct dentry *dentry)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	return d_real(dentry, D_REAL_DATA);
#elif defined(KS_HAVE_D_REAL)
	return d_real(dentry, NULL);
#else
	return d_real(dentry, NULL, 0, 0);
#endif
}

/*
 * The root of the upper layer, NULL when there is none or it cannot be told.
 * The private layout is read with care, as vendors change it at will.
 */
static inline struct dentry *ks_overlay_upper(const struct super_block *sb)
{
	const struct vfsmount *mnt = ks_overlay_upper_mount(sb);
	struct dentry *root;

	if (!mnt || copy_from_kernel_nofault(&root, &mnt->mnt_root, sizeof(root)))
		return NULL;
	return root;
}

/* Whether a file of an overlay lies in the upper layer.  Under RCU. */
static inline bool ks_overlay_is_upper(struct dentry *dentry)
{
	const struct dentry *upper = ks_overlay_upper(dentry->d_sb);
	const struct dentry *real = ks_d_real(dentry);

	while (upper && real && real != upper && !IS_ROOT(real))
		real = READ_ONCE(real->d_parent);
	return upper && real == upper;
}

#endif /* KS_COMPAT_OVERLAYFS_H */
