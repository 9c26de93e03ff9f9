// SPDX-License-Identifier: GPL-2.0-only
/*
 * A regular file is written to: by write and its kin, io_uring, sendfile and
 * splice.  Before anything is written the file systems of files (ext4, XFS,
 * Btrfs, tmpfs, overlayfs's layers, ...) have the position and the size checked;
 * pipes, sockets, terminals and most devices do not come there, and pay nothing.
 * Neither do files that no storage is behind (/proc, /sys), nor mappings.
 *
 * A file system that has to take a lock in another way asks once more.
 */
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include "../compat/fs.h"
#include "../compat/uio.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

#define KS_CONTENT	256

static void put_content(struct ks_record *record, struct ksonde_ref *ref,
			const struct iov_iter *from)
{
	size_t size = min_t(size_t, iov_iter_count(from), KS_CONTENT), used;
	char *room = ks_record_room(record, &size);

	used = room ? ks_iter_peek(room, size, from) : 0;
	if (used)
		ks_record_keep(record, ref, room, used);
	else
		ks_absent(record, write, content);
	/* The file gets what is there when it is copied. */
	if (ks_iter_is_user(from))
		ks_record_flag(record, KSONDE_F_REREAD);
}

/* Kernel threads that write for nobody: loop devices, accounting. */
static bool is_kernels_own(void)
{
	return current->flags & PF_KTHREAD && !current->mm;
}

static void write(struct ks_hook *hook, const struct ks_call *call)
{
	const struct kiocb *iocb = (const struct kiocb *)call->arg[0];
	const struct iov_iter *from = (const struct iov_iter *)call->arg[1];
	struct ks_event_write *e;
	struct ks_record *record;
	struct inode *inode;

	if (!ks_is_wanted(write))
		return;
	inode = file_inode(iocb->ki_filp);
	if (!S_ISREG(inode->i_mode) || !iov_iter_count(from) || is_kernels_own())
		return;
	record = ks_record_begin(hook, write);
	if (!record)
		return;
	e = ks_record_event(record, write);
	if (!ks_path_put(record, &e->path, ks_file_user_path(iocb->ki_filp)))
		ks_absent(record, write, path);
	e->offset = iocb->ki_flags & IOCB_APPEND ? i_size_read(inode) : iocb->ki_pos;
	e->count = iov_iter_count(from);
	put_content(record, &e->content, from);
	ks_record_commit(record);
}

static bool __maybe_unused enter(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	write(hook, call);
	return false;
}

static void __maybe_unused leave(struct ks_hook *hook, long ret, void *data)
{
}

static const struct ks_point points[] = {
	/* An entry at two places is had by kretprobes that want no return. */
	KS_IF_WRITE_CHECKS_INLINED(KS_KRETPROBE("generic_write_checks generic_file_write_iter",
						enter, leave, 0))
	KS_FTRACE("generic_write_checks", write),
	KS_KPROBE("generic_write_checks", write),
	{}
};

struct ks_hook ks_hook_write = {
	.name = "write",
	.event = KS_EV_write,
	.points = points,
};
