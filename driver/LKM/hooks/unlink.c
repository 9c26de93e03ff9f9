// SPDX-License-Identifier: GPL-2.0-only
/*
 * A name of a file is removed: by unlink, unlinkat and io_uring.  A name that
 * does not exist is none to remove.
 *
 * Whoever runs a file keeps others from writing to it (i_writecount): that
 * tells whether it is a running program.  v6.11 gave that up for a time
 * (2a010c412853, "fs: don't block i_writecount during exec"): how it is here, the
 * program that arms the hooks tells.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include "../compat/file.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "filesystem.h"
#include "removal.h"

struct unlinking {
	struct ks_removal removal;
	bool running;
};

static bool running_is_known;

static int prepare(void)
{
	struct file *exe = current->mm ? ks_get_exe_file(current->mm) : NULL;

	running_is_known = exe && atomic_read(&file_inode(exe)->i_writecount) < 0;
	if (exe)
		fput(exe);
	return 0;
}

static void release(void)
{
}

static bool fill(struct unlinking *unlinking, const struct inode *inode)
{
	unlinking->running = inode && atomic_read(&inode->i_writecount) < 0;
	return inode;
}

static void record_unlink(struct ks_hook *hook, const struct unlinking *unlinking, int result)
{
	const struct ks_removal *removal = &unlinking->removal;
	struct ks_record *record = ks_record_begin(hook, unlink);
	struct ks_event_unlink *e;

	if (!record)
		return;
	e = ks_record_event(record, unlink);
	if (!ks_path_put_removed(record, &e->path, &removal->path))
		ks_absent(record, unlink, path);
	e->links = removal->links;
	e->inode = removal->inode;
	if (running_is_known)
		e->running = unlinking->running;
	else
		ks_absent(record, unlink, running);
	ks_put_filesystem(record, &e->fs_id, &e->device, removal->path.dentry->d_sb);
	if (result != KS_REMOVAL_NO_RESULT)
		e->result = result;
	else
		ks_absent(record, unlink, result);
	ks_record_commit(record);
}

static bool enter(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	struct unlinking *unlinking = data;

	return ks_is_wanted(unlink) && fill(unlinking, ks_removal_take(&unlinking->removal, call));
}

static void leave(struct ks_hook *hook, long ret, void *data)
{
	record_unlink(hook, data, ret);
}

static void entered(struct ks_hook *hook, const struct ks_call *call)
{
	struct unlinking unlinking;

	if (enter(hook, call, &unlinking))
		record_unlink(hook, &unlinking, KS_REMOVAL_NO_RESULT);
}

/* The second one is for kernels whose kprobes cannot be where ftrace is. */
static const struct ks_point points[] = {
	KS_KRETPROBE("vfs_unlink", enter, leave, sizeof(struct unlinking)),
	KS_FTRACE("vfs_unlink", entered),
	{}
};

struct ks_hook ks_hook_unlink = {
	.name = "unlink",
	.event = KS_EV_unlink,
	.points = points,
	.prepare = prepare,
	.release = release,
};

/*
 * Where the compiler has inlined vfs_unlink() into its caller (v5.10 with GCC 10,
 * say), nobody has taken it when this is asked.  What the permissions refuse is
 * not seen there.
 */
static const struct ks_point points_inlined[] = {
	KS_FTRACE("security_inode_unlink", entered),
	KS_KPROBE("security_inode_unlink", entered),
	{}
};

struct ks_hook ks_hook_unlink_inlined = {
	.name = "unlink_inlined",
	.event = KS_EV_unlink,
	.points = points_inlined,
};

static bool enter_asked(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	struct unlinking *unlinking = data;

	if (!ks_is_wanted(unlink) ||
	    !fill(unlinking, ks_removal_asked(&unlinking->removal, call)))
		return false;
	ks_removal_note(hook, &unlinking->removal);
	return true;
}

/* What the security modules refused comes no further. */
static void leave_asked(struct ks_hook *hook, long ret, void *data)
{
	const int result = ret;

	if (!result && READ_ONCE(ks_hook_unlink.attachment))
		return;
	ks_removal_drop();
	record_unlink(hook, data, result ? result : KS_REMOVAL_NO_RESULT);
}

static void asked(struct ks_hook *hook, const struct ks_call *call)
{
	struct unlinking unlinking;

	if (!ks_is_wanted(unlink) || !fill(&unlinking, ks_removal_asked(&unlinking.removal, call)))
		return;
	if (READ_ONCE(ks_hook_unlink.attachment))
		ks_removal_note(hook, &unlinking.removal);
	else
		record_unlink(hook, &unlinking, KS_REMOVAL_NO_RESULT);
}

/* Likewise. */
static const struct ks_point points_asked[] = {
	KS_KRETPROBE("security_path_unlink", enter_asked, leave_asked, sizeof(struct unlinking)),
	KS_FTRACE("security_path_unlink", asked),
	{}
};

struct ks_hook ks_hook_unlink_asked = {
	.name = "unlink_asked",
	.event = KS_EV_unlink,
	.points = points_asked,
};
