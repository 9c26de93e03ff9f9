// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a path is, seen from the process: its root is that of its mount
 * namespace or, after chroot(2), below it.  What it holds from elsewhere, such
 * as a descriptor that a container was not meant to have, is outside.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/path.h>
#include <linux/sched.h>
#include "../compat/fs_struct.h"
#include "../compat/mount.h"
#include "../compat/rcupdate.h"
#include "context.h"
#include "made_up.h"

/* Steps; what is deeper is taken to be inside. */
#define KS_PLACE_DEPTH	1024

/* Under ks_probe_read_lock(). */
static bool is_below(const struct path *path, const struct path *root)
{
	/* Nearly always: then all of its mount is below it, and no directory need be climbed. */
	bool whole = root->dentry == root->mnt->mnt_root;
	const struct dentry *dentry = path->dentry;
	const struct vfsmount *mnt = path->mnt;
	unsigned int depth;
	bool at_top;

	for (depth = 0; depth < KS_PLACE_DEPTH; depth++) {
		if (mnt == root->mnt && (whole || dentry == root->dentry))
			return true;
		at_top = whole || dentry == mnt->mnt_root;
		if (at_top ? !ks_mount_up(&mnt, &dentry) : IS_ROOT(dentry))
			return false;
		if (!at_top)
			dentry = READ_ONCE(dentry->d_parent);
	}
	return true;
}

static bool is_outside(const struct path *path)
{
	struct fs_struct *fs = current->fs;
	bool outside = false;
	struct path root;

	if (!fs || !ks_knows_mounts)
		return false;
	ks_probe_read_lock();
	if (ks_fs_path(fs, &fs->root, &root))
		outside = !is_below(path, &root);
	ks_probe_read_unlock();
	return outside;
}

void ks_path_flag_removed(struct ks_record *record, const struct path *path)
{
	if (ks_path_is_made_up(path))
		return;
	if (path->dentry->d_sb->s_magic == OVERLAYFS_SUPER_MAGIC)
		ks_record_flag(record, KSONDE_F_OVERLAY);
	if (is_outside(path))
		ks_record_flag(record, KSONDE_F_OUTSIDE);
}

void ks_path_flag(struct ks_record *record, const struct path *path)
{
	const struct dentry *dentry = path->dentry;

	/* The name of what is yet to be created is in no cache either. */
	if (d_unlinked(dentry) && d_really_is_positive(dentry) && !ks_path_is_made_up(path))
		ks_record_flag(record, KSONDE_F_DELETED);
	ks_path_flag_removed(record, path);
}
