/* SPDX-License-Identifier: GPL-2.0-only */
/* What records of files say of their file system. */
#ifndef KS_HOOKS_FILESYSTEM_H
#define KS_HOOKS_FILESYSTEM_H

#include <linux/fs.h>
#include "../core/record.h"

static inline void ks_put_filesystem(struct ks_record *record, struct ksonde_ref *fs_id,
				     __u32 *device, const struct super_block *sb)
{
	*device = sb->s_dev;
	ks_record_text(record, fs_id, sb->s_id);
}

#endif /* KS_HOOKS_FILESYSTEM_H */
