// SPDX-License-Identifier: GPL-2.0-only
/* A symbolic link is made; what it says is the kernel's copy. */
#include <linux/dcache.h>
#include <linux/limits.h>
#include <linux/path.h>
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "filesystem.h"
#include "link.h"

static void symlink_path(struct ks_hook *hook, const struct ks_call *call)
{
	const struct path *dir = (const struct path *)call->arg[0];
	struct path new = { .dentry = (struct dentry *)call->arg[1] };
	const char *target = (const char *)call->arg[2];
	struct ks_event_link *e;
	struct ks_record *record;

	if (!ks_is_wanted(link))
		return;
	record = ks_record_begin(hook, link);
	if (!record)
		return;
	e = ks_record_event(record, link);
	e->kind = KS_LINK_SYMBOLIC;
	new.mnt = dir->mnt;
	ks_record_text(record, &e->target, target);
	if (!ks_path_put(record, &e->path, &new))
		ks_absent(record, link, path);
	ks_put_filesystem(record, &e->fs_id, &e->device, new.dentry->d_sb);
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_FTRACE("security_path_symlink", symlink_path),
	KS_KPROBE("security_path_symlink", symlink_path),
	{}
};

struct ks_hook ks_hook_symlink = {
	.name = "symlink",
	.event = KS_EV_link,
	.points = points,
};
