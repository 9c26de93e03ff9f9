/* SPDX-License-Identifier: GPL-2.0-only */
/* Names that are made for who asks: pipes, sockets, memfd. */
#ifndef KS_MADE_UP_H
#define KS_MADE_UP_H

#include <linux/dcache.h>
#include <linux/mount.h>
#include <linux/path.h>

/* As d_path() decides it. */
static inline bool ks_path_is_made_up(const struct path *path)
{
	const struct dentry *dentry = path->dentry;

	return dentry->d_op && dentry->d_op->d_dname &&
	       (!IS_ROOT(dentry) || dentry != path->mnt->mnt_root);
}

#endif /* KS_MADE_UP_H */
