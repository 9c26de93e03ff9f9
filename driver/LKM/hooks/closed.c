// SPDX-License-Identifier: GPL-2.0-only
#include <linux/build_bug.h>
#include <linux/fcntl.h>
#include "../context/context.h"
#include "closed.h"
#include "filesystem.h"

/* Their rows are the same. */
#define IS_THE_SAME(name) \
	BUILD_BUG_ON(sizeof(struct ks_event_##name) != \
		     sizeof(struct ks_event_file_created_closed) || \
		     offsetof(struct ks_event_##name, fs_id) != \
		     offsetof(struct ks_event_file_created_closed, fs_id))

void ks_closed_record(struct ks_record *record, const struct file *file)
{
	struct ks_event_file_created_closed *e = ks_record_event(record, file_created_closed);
	const struct inode *inode = file_inode(file);

	IS_THE_SAME(file_write);
	IS_THE_SAME(file_read);
	if (!ks_path_put(record, &e->path, &file->f_path))
		ks_absent(record, file_created_closed, path);
	e->flags = file->f_flags & VALID_OPEN_FLAGS;
	e->mode = inode->i_mode;
	e->size = i_size_read(inode);
	e->position = file->f_pos;
	e->mtime = ks_inode_mtime(inode);
	e->inode = inode->i_ino;
	ks_put_filesystem(record, &e->fs_id, &e->device, inode->i_sb);
	ks_record_commit(record);
}
