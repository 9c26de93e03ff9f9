/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What unlink and rmdir share.  Path based security modules are asked with the
 * mount, on behalf of a program only; the function that then removes knows the
 * result, and no mount.  What the first was told is kept for the second.
 */
#ifndef KS_HOOKS_REMOVAL_H
#define KS_HOOKS_REMOVAL_H

#include <linux/path.h>
#include <linux/types.h>
#include "../core/record.h"
#include "../engine/hook.h"

struct inode;

/* No call returns this: only the question is seen. */
#define KS_REMOVAL_NO_RESULT	INT_MIN

/* A name that is to go; the caller holds the path until the return. */
struct ks_removal {
	struct path path;
	u64 inode;
	u32 links;
};

/* As a path based security module is asked; the inode, NULL: there is none. */
const struct inode *ks_removal_asked(struct ks_removal *removal, const struct ks_call *call);
/* Keeps it for the current task; no room is counted as missed. */
void ks_removal_note(struct ks_hook *hook, const struct ks_removal *removal);
/* The security modules refused: nobody will take it. */
void ks_removal_drop(void);
/*
 * As vfs_unlink() or vfs_rmdir() is called; the inode, NULL: not on behalf of a
 * program, as when a stacked file system removes what is below it.
 */
const struct inode *ks_removal_take(struct ks_removal *removal, const struct ks_call *call);

#endif /* KS_HOOKS_REMOVAL_H */
