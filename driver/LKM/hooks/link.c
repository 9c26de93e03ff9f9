// SPDX-License-Identifier: GPL-2.0-only
/* A file gets another name: a hard link, which stays within a mount. */
#include <linux/dcache.h>
#include <linux/path.h>
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "filesystem.h"
#include "link.h"

static void link_path(struct ks_hook *hook, const struct ks_call *call)
{
	const struct path *dir = (const struct path *)call->arg[1];
	struct path old = { .dentry = (struct dentry *)call->arg[0] };
	struct path new = { .dentry = (struct dentry *)call->arg[2] };
	struct ks_event_link *e;
	struct ks_record *record;

	if (!ks_is_wanted(link))
		return;
	record = ks_record_begin(hook, link);
	if (!record)
		return;
	e = ks_record_event(record, link);
	e->kind = KS_LINK_HARD;
	old.mnt = dir->mnt;
	new.mnt = dir->mnt;
	if (!ks_path_put(record, &e->target, &old))
		ks_absent(record, link, target);
	if (!ks_path_put(record, &e->path, &new))
		ks_absent(record, link, path);
	ks_put_filesystem(record, &e->fs_id, &e->device, old.dentry->d_sb);
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_FTRACE("security_path_link", link_path),
	KS_KPROBE("security_path_link", link_path),
	{}
};

struct ks_hook ks_hook_link = {
	.name = "link",
	.event = KS_EV_link,
	.points = points,
};
