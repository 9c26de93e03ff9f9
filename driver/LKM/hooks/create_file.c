// SPDX-License-Identifier: GPL-2.0-only
/*
 * A regular file is about to be created.  The file system may yet refuse.
 *
 * Where open(2) found no cached name, the kernel asks this before it asks the
 * file system whether the name exists: an O_CREAT of an existing file that is
 * not in the dentry cache is then recorded, too.
 */
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/mount.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include "../compat/fs_struct.h"
#include "../compat/namei.h"
#include "../compat/posix_acl.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

/* Whether mnt shows dentry, and nothing may be mounted in between. */
static bool shows(const struct vfsmount *mnt, const struct dentry *dentry)
{
	while (dentry != mnt->mnt_root) {
		if (IS_ROOT(dentry) || d_mountpoint(dentry))
			return false;
		dentry = READ_ONCE(dentry->d_parent);
	}
	return true;
}

/* For mknod(2), whose walk is over: the mounts that the task stands on. */
static struct vfsmount *guess_mount(const struct dentry *dentry)
{
	struct fs_struct *fs = current->fs;
	struct path path;

	if (!fs)
		return NULL;
	if (ks_fs_path(fs, &fs->pwd, &path) && path.mnt->mnt_sb == dentry->d_sb &&
	    shows(path.mnt, dentry))
		return path.mnt;
	if (ks_fs_path(fs, &fs->root, &path) && path.mnt->mnt_sb == dentry->d_sb &&
	    shows(path.mnt, dentry))
		return path.mnt;
	return NULL;
}

static void put_path(struct ks_record *record, struct ks_event_create_file *e,
		     struct dentry *dentry, struct vfsmount *mnt)
{
	struct path path = { .mnt = mnt, .dentry = dentry };
	size_t size = KSONDE_STRING_MAX + 1, used;
	char *room, *begin;

	if (!path.mnt)
		path.mnt = guess_mount(dentry);
	e->mount_known = !!path.mnt;
	if (path.mnt) {
		if (!ks_path_put(record, &e->path, &path))
			ks_absent(record, create_file, path);
		return;
	}
	room = ks_record_room(record, &size);
	begin = room ? dentry_path_raw(dentry, room, size) : NULL;
	if (IS_ERR_OR_NULL(begin)) {
		ks_absent(record, create_file, path);
		return;
	}
	used = strnlen(begin, room + size - begin);
	memmove(room, begin, used);
	ks_record_keep(record, &e->path, room, used);
}

static void put_socket(struct ks_record *record, struct ks_event_create_file *e)
{
	struct ks_socket socket;

	if (!ks_socket_first(false, &socket)) {
		ks_absent(record, create_file, socket_family);
		ks_absent(record, create_file, socket_local_port);
		ks_absent(record, create_file, socket_remote_port);
		ks_absent(record, create_file, socket_local_address);
		ks_absent(record, create_file, socket_remote_address);
		return;
	}
	e->socket_family = socket.family;
	e->socket_local_port = socket.local_port;
	memcpy(e->socket_local_address, socket.local_address, sizeof(socket.local_address));
	if (!socket.connected) {
		ks_absent(record, create_file, socket_remote_port);
		ks_absent(record, create_file, socket_remote_address);
		return;
	}
	e->socket_remote_port = socket.remote_port;
	memcpy(e->socket_remote_address, socket.remote_address, sizeof(socket.remote_address));
}

/*
 * Where the file system has POSIX ACLs it applies the umask itself, later,
 * unless the directory has a default ACL.
 */
static u32 effective_mode(const struct inode *dir, umode_t mode)
{
	if (IS_POSIXACL(dir) && !ks_default_acl_is_known(dir))
		mode &= ~current_umask();
	return mode;
}

static void create_file(struct ks_hook *hook, const struct ks_call *call)
{
	const struct inode *dir = (const struct inode *)call->arg[0];
	struct dentry *dentry = (struct dentry *)call->arg[1];
	const struct path *walk = ks_walk_path();
	struct ks_event_create_file *e;
	struct ks_record *record;
	umode_t mode = call->arg[2];

	if (!ks_is_wanted(create_file) || !S_ISREG(mode))
		return;
	/* Of a stacked file system the outer name is recorded, the inner not. */
	if (walk && walk->dentry != dentry->d_parent)
		return;
	record = ks_record_begin(hook, create_file);
	if (!record)
		return;
	e = ks_record_event(record, create_file);
	rcu_read_lock();
	put_path(record, e, dentry, walk ? walk->mnt : NULL);
	rcu_read_unlock();
	e->mode = effective_mode(dir, mode);
	e->device = dentry->d_sb->s_dev;
	ks_record_string(record, &e->fs_id, dentry->d_sb->s_id,
			 strnlen(dentry->d_sb->s_id, sizeof(dentry->d_sb->s_id)));
	put_socket(record, e);
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_FTRACE("security_inode_create", create_file),
	KS_KPROBE("security_inode_create", create_file),
	{}
};

struct ks_hook ks_hook_create_file = {
	.name = "create_file",
	.event = KS_EV_create_file,
	.points = points,
};
