// SPDX-License-Identifier: GPL-2.0-only
/* What the climb (walk.h) must know of the kernel, found out at load. */
#include <linux/fs_struct.h>
#include <linux/path.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include "../compat/fs_struct.h"
#include "../compat/mount.h"
#include "../engine/hook.h"
#include "walk.h"

const seqcount_t *ks_mount_lock;
bool ks_knows_mounts;

void ks_walk_init(void)
{
	struct path root;

	ks_mount_lock = (const seqcount_t *)ks_symbol("mount_lock");
	rcu_read_lock();
	ks_knows_mounts = ks_fs_path(current->fs, &current->fs->root, &root) &&
		       ks_mount_is_known(root.mnt);
	rcu_read_unlock();
}
