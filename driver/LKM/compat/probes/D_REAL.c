// SPDX-License-Identifier: GPL-2.0-only
/*
 * v4.19, "vfs: remove open_flags from d_real()", and not yet
 * v6.9; RHEL 8's 4.18 has it.
 */
#include <linux/dcache.h>
#include <linux/fs.h>

static struct dentry * __maybe_unused probe(struct dentry *dentry, const struct inode *inode)
{
	return d_real(dentry, inode);
}
