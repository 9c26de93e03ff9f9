// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file is renamed.  Path based security modules are asked with the mount, on
 * behalf of a program only: what a stacked file system does below is not seen.
 */
#include <linux/dcache.h>
#include <linux/path.h>
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "filesystem.h"

static void rename_path(struct ks_hook *hook, const struct ks_call *call)
{
	const struct path *old_dir = (const struct path *)call->arg[0];
	const struct path *new_dir = (const struct path *)call->arg[2];
	struct path old = { .dentry = (struct dentry *)call->arg[1] };
	struct path new = { .dentry = (struct dentry *)call->arg[3] };
	struct ks_event_rename *e;
	struct ks_record *record;

	if (!ks_is_wanted(rename))
		return;
	record = ks_record_begin(hook, rename);
	if (!record)
		return;
	e = ks_record_event(record, rename);
	old.mnt = old_dir->mnt;
	new.mnt = new_dir->mnt;
	if (!ks_path_put(record, &e->old_path, &old))
		ks_absent(record, rename, old_path);
	if (!ks_path_put(record, &e->new_path, &new))
		ks_absent(record, rename, new_path);
	e->flags = call->arg[4];
	ks_put_filesystem(record, &e->fs_id, &e->device, old.dentry->d_sb);
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_FTRACE("security_path_rename", rename_path),
	KS_KPROBE("security_path_rename", rename_path),
	{}
};

struct ks_hook ks_hook_rename = {
	.name = "rename",
	.event = KS_EV_rename,
	.points = points,
};
