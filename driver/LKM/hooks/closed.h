/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that are closed by the last who had them open: what file_created_closed,
 * file_write and file_read share.  All of them are attached in __fput(), when the
 * file is still whole, as one: what is no regular file pays a question of each.
 * Where descriptors are closed there may be another one.
 */
#ifndef KS_HOOKS_CLOSED_H
#define KS_HOOKS_CLOSED_H

#include <linux/fs.h>
#include "../compat/fs.h"
#include "../core/record.h"
#include "../engine/hook.h"

/*
 * It is regular, and of these modes it was opened in those.  Of a stacked file
 * system's file the kernel has another one open, which is nobody's.
 */
static __always_inline bool ks_closes(const struct file *file, fmode_t of, fmode_t those)
{
	const struct inode *inode = file_inode(file);

	/* What could not be opened has no inode. */
	return (file->f_mode & (of | KS_FMODE_INNER)) == those && inode &&
	       S_ISREG(inode->i_mode);
}

/* Fills the record of any of them, and commits it. */
void ks_closed_record(struct ks_record *record, const struct file *file);

#endif /* KS_HOOKS_CLOSED_H */
