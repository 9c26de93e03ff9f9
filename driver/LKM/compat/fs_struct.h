/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/fs_struct.h>
 * The same from v5.10 to v6.1 at least.
 */
#ifndef KS_COMPAT_FS_STRUCT_H
#define KS_COMPAT_FS_STRUCT_H

#include <linux/fs_struct.h>
#include <linux/seqlock.h>

/*
 * A copy without references, good while rcu_read_lock() is held.  false: it
 * kept changing.  Never waits: the writer may be what was interrupted.
 */
static inline bool ks_fs_path(struct fs_struct *fs, const struct path *from, struct path *to)
{
	unsigned int seq, tries;

	for (tries = 0; tries < 16; tries++) {
		seq = raw_read_seqcount(&fs->seq);
		*to = *from;
		if (!(seq & 1) && !read_seqcount_retry(&fs->seq, seq))
			return true;
		cpu_relax();
	}
	return false;
}

#endif /* KS_COMPAT_FS_STRUCT_H */
