/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fs/overlayfs/ovl_entry.h, private to it: how struct ovl_fs begins, and that
 * a layer begins with its mount; the first layer is the upper one, without a
 * mount when there is none.
 * numdatalayer came with v6.5, "ovl: introduce data-only lower layers".
 */
#ifndef KS_COMPAT_OVERLAYFS_H
#define KS_COMPAT_OVERLAYFS_H

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/uaccess.h>
#include <linux/version.h>

struct ks_ovl_fs {
	unsigned int numlayer;
	unsigned int numfs;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	unsigned int numdatalayer;
#endif
	struct vfsmount **layers;
};

static inline struct dentry *ks_d_real(struct dentry *dentry)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	return d_real(dentry, D_REAL_DATA);
#else
	return d_real(dentry, NULL);
#endif
}

/*
 * The root of the upper layer, NULL when there is none or it cannot be told.
 * The private layout is read with care, as vendors change it at will.
 */
static inline struct dentry *ks_overlay_upper(const struct super_block *sb)
{
	struct vfsmount *mnt;
	struct ks_ovl_fs ofs;
	struct dentry *root;

	if (copy_from_kernel_nofault(&ofs, sb->s_fs_info, sizeof(ofs)) ||
	    !ofs.numlayer || ofs.numlayer > 1024 ||
	    copy_from_kernel_nofault(&mnt, ofs.layers, sizeof(mnt)) || !mnt ||
	    copy_from_kernel_nofault(&root, &mnt->mnt_root, sizeof(root)))
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
