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
#include "../compat/rcupdate.h"
#include "../engine/hook.h"
#include "made_up.h"
#include "place.h"
#include "walk.h"
#include "words.h"

/* Not exported; the same since v4.2. */
static char *(*absolute_path)(const struct path *path, char *buffer, int size);

void ks_path_init(void)
{
	absolute_path = (void *)ks_symbol("d_absolute_path");
	ks_walk_init();
}

static __always_inline char *path_format(const struct path *path, char *buffer, size_t size,
					 bool made_up, struct ks_place *place)
{
	char *begin = ERR_PTR(-ENOENT);
	bool looked;

	/* Whatever was interrupted may hold the locks of the dentry cache. */
	if (ks_in_interrupt())
		return begin;
	if (unlikely(made_up))
		return IS_ENABLED(CONFIG_PREEMPT_RT) ?
			path->dentry->d_op->d_dname(path->dentry, buffer, size) :
			d_path(path, buffer, size);
	begin = ks_walk(path, buffer, size, place);
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
	struct ks_place place = {};
	char *begin = path_format(path, buffer, size, ks_path_is_made_up(path), &place);

	return IS_ERR(begin) ? NULL : begin;
}

/* Under ks_probe_read_lock(). */
static __always_inline bool put_path(struct ks_record *record, struct ksonde_ref *ref,
				     const struct path *path, struct ks_place *place)
{
	size_t size = KSONDE_STRING_MAX + 1, used;
	char *room = ks_record_room(record, &size);
	bool made_up = ks_path_is_made_up(path);
	char *begin;

	if (!room || size < 2) {
		ks_record_flag(record, KSONDE_F_TRUNCATED);
		return false;
	}
	room[0] = '\0';
	begin = path_format(path, room, size, made_up, place);
	if (!IS_ERR(begin)) {
		/* All but made-up names end where the room does. */
		used = room + size - 1 - begin;
		if (unlikely(made_up))
			used = strnlen(begin, used);
		/* The slot has room for a word more. */
		if (likely((size_t)(begin - room) >= sizeof(long)))
			ks_words_copy(room, begin, used);
		else
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

bool ks_path_put_of(struct ks_record *record, struct ksonde_ref *ref, const struct path *path,
		    enum ks_path_of of)
{
	struct ks_place place = {};
	bool put;

	ks_probe_read_lock();
	if (of != KS_PATH_PLAIN)
		ks_place_look(&place);
	put = put_path(record, ref, path, &place);
	if (put && of != KS_PATH_PLAIN)
		ks_place_flag(record, path, &place, of == KS_PATH_REMOVED);
	ks_probe_read_unlock();
	return put;
}

static bool put_fd(struct ks_record *record, struct ksonde_ref *ref, int fd,
		   enum ks_path_of of)
{
	struct file *file = ks_file_of(fd);
	bool known;

	if (!file)
		return false;
	known = ks_path_put_of(record, ref, &file->f_path, of);
	fput(file);
	return known;
}

bool ks_path_put_fd(struct ks_record *record, struct ksonde_ref *ref, int fd)
{
	return put_fd(record, ref, fd, KS_PATH_FLAGGED);
}

bool ks_path_put_fd_plain(struct ks_record *record, struct ksonde_ref *ref, int fd)
{
	return put_fd(record, ref, fd, KS_PATH_PLAIN);
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
