// SPDX-License-Identifier: GPL-2.0-only
/*
 * The system calls that do what mount(2) does, in steps: fsopen and fsconfig say
 * what shall be mounted, fsmount and open_tree make a mount that is nowhere yet,
 * and move_mount puts it into place.  All but open_tree's name are the kernel's.
 */
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/path.h>
#include <uapi/linux/mount.h>
#include "../compat/file.h"
#include "../compat/fs_context.h"
#include "../compat/mount.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "mount.h"

/* <uapi/linux/mount.h>, the later ones from v7.0 on; <uapi/linux/fcntl.h>. */
#define OPEN_TREE_COPIES	(OPEN_TREE_CLONE | 2)	/* OPEN_TREE_NAMESPACE */
#define TREE_RECURSIVE		0x8000	/* AT_RECURSIVE */
#define OF_A_MOUNT_NOSYMFOLLOW	0x80	/* MNT_NOSYMFOLLOW, from v5.10 on */
/* What fsconfig(2) can set; file systems add others of their own. */
#define CONTEXT_FLAGS \
	(SB_RDONLY | SB_SYNCHRONOUS | SB_MANDLOCK | SB_DIRSYNC | SB_LAZYTIME)
#define MOUNT_NOSYMFOLLOW	256	/* MS_NOSYMFOLLOW */

static struct ks_record *begin(struct ks_hook *hook, u32 kind)
{
	struct ks_record *record = ks_record_begin(hook, mount);

	if (record)
		ks_record_event(record, mount)->kind = kind;
	return record;
}

/* What a mount has of its own, as mount(2) would be told. */
static u64 flags_of(const struct vfsmount *mnt)
{
	static const struct {
		int of_mount;
		u32 told;
	} known[] = {
		{ MNT_READONLY, SB_RDONLY },
		{ MNT_NOSUID, SB_NOSUID },
		{ MNT_NODEV, SB_NODEV },
		{ MNT_NOEXEC, SB_NOEXEC },
		{ OF_A_MOUNT_NOSYMFOLLOW, MOUNT_NOSYMFOLLOW },
		{ MNT_NOATIME, SB_NOATIME },
		{ MNT_NODIRATIME, SB_NODIRATIME },
		{ MNT_RELATIME, MS_RELATIME },
	};
	int has = READ_ONCE(mnt->mnt_flags);
	u64 flags = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		flags |= has & known[i].of_mount ? known[i].told : 0;
	return flags;
}

/* A mount that is nowhere has no path. */
static bool is_somewhere(const struct path *path)
{
	const struct dentry *dentry = path->dentry;
	const struct vfsmount *mnt = path->mnt;

	return !ks_knows_mounts || ks_mount_up(&mnt, &dentry);
}

static void moved(struct ks_hook *hook, const struct ks_call *call)
{
	const struct path *from = (const struct path *)call->arg[0];
	const struct path *to = (const struct path *)call->arg[1];
	struct ks_event_mount *e;
	struct ks_record *record;

	record = ks_is_wanted(mount) ? begin(hook, KS_MOUNT_MOVED) : NULL;
	if (!record)
		return;
	e = ks_record_event(record, mount);
	if (!is_somewhere(from) || !ks_path_put(record, &e->source, from))
		ks_absent(record, mount, source);
	if (!ks_path_put(record, &e->target, to))
		ks_absent(record, mount, target);
	ks_record_text(record, &e->type, from->mnt->mnt_sb->s_type->name);
	e->flags = flags_of(from->mnt);
	ks_absent(record, mount, options);
	e->device = from->mnt->mnt_sb->s_dev;
	ks_record_commit(record);
}

/* All but the options; NULL: it is not a program's, or not wanted of this task. */
static struct ks_record *begin_context(struct ks_hook *hook, const struct fs_context *fc, u32 kind)
{
	struct ks_event_mount *e;
	struct ks_record *record;

	if (!ks_is_wanted(mount) || !ks_fc_is_programs(fc))
		return NULL;
	record = begin(hook, kind);
	if (!record)
		return NULL;
	e = ks_record_event(record, mount);
	if (fc->source)
		ks_record_text(record, &e->source, fc->source);
	else
		ks_absent(record, mount, source);
	ks_absent(record, mount, target);
	ks_record_text(record, &e->type, fc->fs_type->name);
	e->flags = fc->sb_flags & CONTEXT_FLAGS;
	if (fc->root)
		e->device = fc->root->d_sb->s_dev;
	else
		ks_absent(record, mount, device);
	return record;
}

static void record_context(struct ks_hook *hook, const struct ks_call *call, u32 kind)
{
	struct ks_record *record;

	record = begin_context(hook, (const struct fs_context *)call->arg[0], kind);
	if (!record)
		return;
	ks_absent(record, mount, options);
	ks_record_commit(record);
}

/* The mount is made, and the context is made fit for a change of the file system. */
static void made(struct ks_hook *hook, const struct ks_call *call)
{
	const struct fs_context *fc = (const struct fs_context *)call->arg[0];

	if (fc->phase == FS_CONTEXT_AWAITING_MOUNT)
		record_context(hook, call, KS_MOUNT_MADE);
}

static void changed(struct ks_hook *hook, const struct ks_call *call)
{
	record_context(hook, call, KS_MOUNT_CHANGED);
}

/* key=value where the value is a text; else only the key. */
static void put_option(struct ks_record *record, const struct fs_parameter *option)
{
	struct ksonde_ref *ref = &ks_record_event(record, mount)->options;
	const char *value = NULL;
	struct ksonde_ref rest;

	if (option->type == fs_value_is_string)
		value = option->string;
	else if (option->type == fs_value_is_filename && !IS_ERR_OR_NULL(option->name))
		value = option->name->name;
	ks_record_text(record, ref, option->key);
	if (!value)
		return;
	/* They lie one behind the other. */
	rest.length = 0;
	ks_record_string(record, &rest, "=", 1);
	ref->length += rest.length;
	rest.length = 0;
	ks_record_text(record, &rest, value);
	ref->length += rest.length;
}

static void option(struct ks_hook *hook, const struct ks_call *call)
{
	const struct fs_parameter *option = (const struct fs_parameter *)call->arg[1];
	struct ks_record *record = NULL;

	if (option->key)
		record = begin_context(hook, (const struct fs_context *)call->arg[0],
				       KS_MOUNT_OPTION);
	if (!record)
		return;
	put_option(record, option);
	ks_record_commit(record);
}

/* A copy does not know what it is one of; a namespace of one has no file system. */
static void put_copy(struct ks_record *record, struct ks_event_mount *e, int fd)
{
	struct file *file = ks_file_of(fd);
	const struct super_block *sb;

	if (!file) {
		ks_absent(record, mount, type);
		ks_absent(record, mount, device);
		return;
	}
	sb = file->f_path.dentry->d_sb;
	ks_record_text(record, &e->type, sb->s_type->name);
	e->device = sb->s_dev;
	fput(file);
}

static void copied(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	unsigned long flags = call->arg[2];
	struct ks_event_mount *e;
	struct ks_record *record;

	if (!ks_is_wanted(mount) || call->ret < 0 || !(flags & OPEN_TREE_COPIES))
		return;
	record = begin(hook, KS_MOUNT_COPIED);
	if (!record)
		return;
	e = ks_record_event(record, mount);
	ks_record_flag(record, KSONDE_F_REREAD);
	if (!ks_user_string(record, &e->source, call->arg[1]))
		ks_absent(record, mount, source);
	ks_absent(record, mount, target);
	put_copy(record, e, flags & OPEN_TREE_CLONE ? call->ret : -1);
	e->flags = MS_BIND | (flags & TREE_RECURSIVE ? MS_REC : 0);
	ks_absent(record, mount, options);
	ks_record_commit(record);
}

static const struct ks_point points_moved[] = {
	KS_FTRACE("security_move_mount", moved),
	KS_KPROBE("security_move_mount", moved),
	{}
};

struct ks_hook ks_hook_mount_moved = {
	.name = "mount_moved",
	.event = KS_EV_mount,
	.points = points_moved,
};

static const struct ks_point points_made[] = {
	KS_FTRACE("vfs_clean_context", made),
	KS_KPROBE("vfs_clean_context", made),
	{}
};

struct ks_hook ks_hook_mount_made = {
	.name = "mount_made",
	.event = KS_EV_mount,
	.points = points_made,
};

static const struct ks_point points_option[] = {
	KS_FTRACE("vfs_parse_fs_param", option),
	KS_KPROBE("vfs_parse_fs_param", option),
	{}
};

struct ks_hook ks_hook_mount_option = {
	.name = "mount_option",
	.event = KS_EV_mount,
	.points = points_option,
};

static const struct ks_point points_changed[] = {
	KS_FTRACE("reconfigure_super", changed),
	KS_KPROBE("reconfigure_super", changed),
	{}
};

struct ks_hook ks_hook_mount_changed = {
	.name = "mount_changed",
	.event = KS_EV_mount,
	.points = points_changed,
};

static const struct ks_point points_copied[] = {
	KS_SYSCALL("open_tree open_tree_attr?", copied),
	KS_SYS_EXIT("open_tree", copied),
	{}
};

struct ks_hook ks_hook_mount_copied = {
	.name = "mount_copied",
	.event = KS_EV_mount,
	.points = points_copied,
};
