/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a path is, seen from the process: its root is that of its mount
 * namespace or, after chroot(2), below it.  What it holds from elsewhere, such
 * as a descriptor that a container was not meant to have, is outside.
 */
#ifndef KS_PLACE_H
#define KS_PLACE_H

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/path.h>
#include <linux/sched.h>
#include "../compat/fs_struct.h"
#include "context.h"
#include "made_up.h"

struct ks_place {
	struct path root;	/* of the process; mnt is NULL: it cannot be had */
	bool passed;		/* its mount is one of those that the path led through */
};

/* Under ks_probe_read_lock(), for as long as place is used. */
static __always_inline void ks_place_look(struct ks_place *place)
{
	struct fs_struct *fs = current->fs;

	place->passed = false;
	if (!fs || !ks_knows_mounts || !ks_fs_path(fs, &fs->root, &place->root))
		place->root.mnt = NULL;
}

/* place.c: by climbing.  Under ks_probe_read_lock(). */
bool ks_place_is_below(const struct path *path, const struct vfsmount *root,
		       const struct dentry *root_dentry);

static __always_inline bool ks_place_is_outside(const struct path *path,
						const struct ks_place *place)
{
	const struct vfsmount *root = place->root.mnt;

	if (!root || (place->passed && place->root.dentry == root->mnt_root))
		return false;
	return !ks_place_is_below(path, root, place->root.dentry);
}

/* Flags the record; removed: but does not say that the name is gone. */
static __always_inline void ks_place_flag(struct ks_record *record, const struct path *path,
					  const struct ks_place *place, bool removed)
{
	const struct dentry *dentry = path->dentry;

	if (ks_path_is_made_up(path))
		return;
	/* The name of what is yet to be created is in no cache either. */
	if (!removed && d_unlinked(dentry) && d_really_is_positive(dentry))
		ks_record_flag(record, KSONDE_F_DELETED);
	if (dentry->d_sb->s_magic == OVERLAYFS_SUPER_MAGIC)
		ks_record_flag(record, KSONDE_F_OVERLAY);
	if (ks_place_is_outside(path, place))
		ks_record_flag(record, KSONDE_F_OUTSIDE);
}

#endif /* KS_PLACE_H */
