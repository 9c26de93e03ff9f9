// SPDX-License-Identifier: GPL-2.0-only
/*
 * Absolute paths, from the root of the mount namespace that the file's mount
 * is in: a task in a chroot is told apart from one outside of it.  A deleted
 * file has the path that it had, without d_path()'s " (deleted)", which a name
 * can end with as well; what never had a path (pipes, sockets, memfd) is
 * written as d_path() and /proc/PID/fd do.
 */
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs_struct.h>
#include <linux/limits.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include "../compat/file.h"
#include "../compat/fs_struct.h"
#include "../compat/ibt.h"
#include "../compat/preempt.h"
#include "../engine/hook.h"
#include "context.h"
#include "made_up.h"

/* Not exported; the same since v4.2. */
static char *(*absolute_path)(const struct path *path, char *buffer, int size);

void ks_path_init(void)
{
	absolute_path = (void *)ks_symbol("d_absolute_path");
	ks_walk_init();
}

static __always_inline char *path_format(const struct path *path, char *buffer, size_t size)
{
	char *begin = ERR_PTR(-ENOENT);
	bool looked;

	/* Whatever was interrupted may hold the locks of the dentry cache. */
	if (ks_in_interrupt())
		return begin;
	if (ks_path_is_made_up(path))
		return IS_ENABLED(CONFIG_PREEMPT_RT) ?
			path->dentry->d_op->d_dname(path->dentry, buffer, size) :
			d_path(path, buffer, size);
	begin = ks_walk(path, buffer, size);
	if (!IS_ERR(begin) || PTR_ERR(begin) == -ENAMETOOLONG || IS_ENABLED(CONFIG_PREEMPT_RT))
		return begin;
	/* A rename is under way, or there is no way up: the kernel's own, which waits. */
	if (absolute_path) {
		looked = ks_ibt_off();
		begin = absolute_path(path, buffer, size);
		ks_ibt_on(looked);
	}
	if (IS_ERR(begin) && PTR_ERR(begin) != -ENAMETOOLONG)
		begin = d_path(path, buffer, size);
	return begin;
}

char *ks_path_format(const struct path *path, char *buffer, size_t size)
{
	char *begin = path_format(path, buffer, size);

	return IS_ERR(begin) ? NULL : begin;
}

bool ks_path_put_plain(struct ks_record *record, struct ksonde_ref *ref, const struct path *path)
{
	size_t size = KSONDE_STRING_MAX + 1, used;
	char *room = ks_record_room(record, &size);
	char *begin;

	if (!room || size < 2) {
		ks_record_flag(record, KSONDE_F_TRUNCATED);
		return false;
	}
	room[0] = '\0';
	begin = path_format(path, room, size);
	if (!IS_ERR(begin)) {
		/* All but made-up names end where the room does. */
		used = room + size - 1 - begin;
		if (unlikely(ks_path_is_made_up(path)))
			used = strnlen(begin, used);
		memmove(room, begin, used);
	} else if (PTR_ERR(begin) == -ENAMETOOLONG) {
		/* Since v5.15 what fits of the path's end is there. */
		ks_record_flag(record, KSONDE_F_TRUNCATED);
		used = strnlen(room, size);
	} else {
		return false;
	}
	if (used)
		ks_record_keep(record, ref, room, used);
	return used;
}

bool ks_path_put(struct ks_record *record, struct ksonde_ref *ref, const struct path *path)
{
	if (!ks_path_put_plain(record, ref, path))
		return false;
	ks_path_flag(record, path);
	return true;
}

bool ks_path_put_removed(struct ks_record *record, struct ksonde_ref *ref,
			 const struct path *path)
{
	if (!ks_path_put_plain(record, ref, path))
		return false;
	ks_path_flag_removed(record, path);
	return true;
}

static bool put_fd(struct ks_record *record, struct ksonde_ref *ref, int fd, bool flagged)
{
	struct file *file = ks_file_of(fd);
	bool known;

	if (!file)
		return false;
	known = ks_path_put_plain(record, ref, &file->f_path);
	if (known && flagged)
		ks_path_flag(record, &file->f_path);
	fput(file);
	return known;
}

bool ks_path_put_fd(struct ks_record *record, struct ksonde_ref *ref, int fd)
{
	return put_fd(record, ref, fd, true);
}

bool ks_path_put_fd_plain(struct ks_record *record, struct ksonde_ref *ref, int fd)
{
	return put_fd(record, ref, fd, false);
}

bool ks_path_put_cwd(struct ks_record *record, struct ksonde_ref *ref)
{
	struct fs_struct *fs = current->fs;
	bool known = false;
	struct path path;

	if (!fs)
		return false;
	rcu_read_lock();
	if (ks_fs_path(fs, &fs->pwd, &path))
		known = ks_path_put_plain(record, ref, &path);
	rcu_read_unlock();
	return known;
}
