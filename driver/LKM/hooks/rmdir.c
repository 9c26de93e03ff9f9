// SPDX-License-Identifier: GPL-2.0-only
/*
 * A directory is removed: by rmdir, unlinkat with AT_REMOVEDIR, and io_uring.
 * What does not exist is none to remove.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "filesystem.h"
#include "removal.h"

static void record_rmdir(struct ks_hook *hook, const struct ks_removal *removal, int result)
{
	struct ks_record *record = ks_record_begin(hook, rmdir);
	struct ks_event_rmdir *e;

	if (!record)
		return;
	e = ks_record_event(record, rmdir);
	if (!ks_path_put_removed(record, &e->path, &removal->path))
		ks_absent(record, rmdir, path);
	e->links = removal->links;
	e->inode = removal->inode;
	ks_put_filesystem(record, &e->fs_id, &e->device, removal->path.dentry->d_sb);
	if (result != KS_REMOVAL_NO_RESULT)
		e->result = result;
	else
		ks_absent(record, rmdir, result);
	ks_record_commit(record);
}

static bool enter(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	return ks_is_wanted(rmdir) && ks_removal_take(data, call);
}

static void leave(struct ks_hook *hook, long ret, void *data)
{
	record_rmdir(hook, data, ret);
}

static void entered(struct ks_hook *hook, const struct ks_call *call)
{
	struct ks_removal removal;

	if (enter(hook, call, &removal))
		record_rmdir(hook, &removal, KS_REMOVAL_NO_RESULT);
}

/* The second one is for kernels whose kprobes cannot be where ftrace is. */
static const struct ks_point points[] = {
	KS_KRETPROBE("vfs_rmdir", enter, leave, sizeof(struct ks_removal)),
	KS_FTRACE("vfs_rmdir", entered),
	{}
};

struct ks_hook ks_hook_rmdir = {
	.name = "rmdir",
	.event = KS_EV_rmdir,
	.points = points,
};

/*
 * Where the compiler has inlined vfs_rmdir() into its caller (v5.10 with GCC 10,
 * say), nobody has taken it when this is asked.  What the permissions refuse is
 * not seen there.
 */
static const struct ks_point points_inlined[] = {
	KS_FTRACE("security_inode_rmdir", entered),
	KS_KPROBE("security_inode_rmdir", entered),
	{}
};

struct ks_hook ks_hook_rmdir_inlined = {
	.name = "rmdir_inlined",
	.event = KS_EV_rmdir,
	.points = points_inlined,
};

static bool enter_asked(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	if (!ks_is_wanted(rmdir) || !ks_removal_asked(data, call))
		return false;
	ks_removal_note(hook, data);
	return true;
}

/* What the security modules refused comes no further. */
static void leave_asked(struct ks_hook *hook, long ret, void *data)
{
	const int result = ret;

	if (!result && READ_ONCE(ks_hook_rmdir.attachment))
		return;
	ks_removal_drop();
	record_rmdir(hook, data, result ? result : KS_REMOVAL_NO_RESULT);
}

static void asked(struct ks_hook *hook, const struct ks_call *call)
{
	struct ks_removal removal;

	if (!ks_is_wanted(rmdir) || !ks_removal_asked(&removal, call))
		return;
	if (READ_ONCE(ks_hook_rmdir.attachment))
		ks_removal_note(hook, &removal);
	else
		record_rmdir(hook, &removal, KS_REMOVAL_NO_RESULT);
}

/* Likewise. */
static const struct ks_point points_asked[] = {
	KS_KRETPROBE("security_path_rmdir", enter_asked, leave_asked, sizeof(struct ks_removal)),
	KS_FTRACE("security_path_rmdir", asked),
	{}
};

struct ks_hook ks_hook_rmdir_asked = {
	.name = "rmdir_asked",
	.event = KS_EV_rmdir,
	.points = points_asked,
};
