/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/fs_struct.h>
 * The sequence counter is a seqcount_t, since v5.9 a seqcount_spinlock_t, in
 * v7 a seqlock_t; each begins with the one before.  It is read as the plain
 * counter: for the others a reader under PREEMPT_RT waits for the writer.
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
	const seqcount_t *count = (const seqcount_t *)&fs->seq;
	unsigned int seq, tries;

	for (tries = 0; tries < 16; tries++) {
		seq = raw_read_seqcount(count);
		*to = *from;
		if (!(seq & 1) && !read_seqcount_retry(count, seq))
			return true;
		cpu_relax();
	}
	return false;
}

#endif /* KS_COMPAT_FS_STRUCT_H */
