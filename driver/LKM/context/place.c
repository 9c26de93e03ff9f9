// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a path is, seen from the process: its root is that of its mount
 * namespace or, after chroot(2), below it.  What it holds from elsewhere, such
 * as a descriptor that a container was not meant to have, is outside.
 */
#include <linux/dcache.h>
#include <linux/mount.h>
#include <linux/path.h>
#include "../compat/mount.h"
#include "../compat/rcupdate.h"
#include "place.h"

/* Steps; what is deeper is taken to be inside. */
#define KS_PLACE_DEPTH	1024

bool ks_place_is_below(const struct path *path, const struct vfsmount *root,
		       const struct dentry *root_dentry)
{
	/* Nearly always: then all of its mount is below it, and no directory need be climbed. */
	bool whole = root_dentry == root->mnt_root;
	const struct dentry *dentry = path->dentry;
	const struct vfsmount *mnt = path->mnt;
	unsigned int depth;
	bool at_top;

	for (depth = 0; depth < KS_PLACE_DEPTH; depth++) {
		if (mnt == root && (whole || dentry == root_dentry))
			return true;
		at_top = whole || dentry == mnt->mnt_root;
		if (at_top ? !ks_mount_up(&mnt, &dentry) : IS_ROOT(dentry))
			return false;
		if (!at_top)
			dentry = READ_ONCE(dentry->d_parent);
	}
	return true;
}

void ks_path_flag(struct ks_record *record, const struct path *path)
{
	struct ks_place place;

	ks_probe_read_lock();
	ks_place_look(&place);
	ks_place_flag(record, path, &place, false);
	ks_probe_read_unlock();
}
