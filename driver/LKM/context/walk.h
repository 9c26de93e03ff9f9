/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Absolute paths without a lock, by fewer instructions than d_path() and its kin
 * take; they wait for a rename that is under way, which a probe
 * must not do where spin locks sleep (PREEMPT_RT).  This gives up instead.
 *
 * Names and their lengths are changed with rename_lock held, mounts with
 * mount_lock: what was read is good when neither was taken meanwhile.
 *
 * For path.c alone, which has it inlined.
 */
#ifndef KS_WALK_H
#define KS_WALK_H

#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/path.h>
#include <linux/seqlock.h>
#include <linux/string.h>
#include "../compat/mount.h"
#include "../compat/rcupdate.h"
#include "../compat/unaligned.h"
#include "place.h"

#define KS_WALK_TRIES	8
#define KS_WALK_DEPTH	(PATH_MAX / 2)	/* names of a byte and their slashes */

/* fs/namespace.c; NULL where kallsyms does not know it: then mounts are taken as they are. */
extern const seqcount_t *ks_mount_lock;

struct ks_text {
	char *buffer;
	char *begin;
};

static inline const seqcount_t *renames(void)
{
	return (const seqcount_t *)&rename_lock;
}

/* Neither reads nor writes what is not the name's; most are a word or two. */
static __always_inline void copy_name(char *to, const unsigned char *from, size_t length)
{
	size_t at;

	if (length >= sizeof(u64)) {
		for (at = 0; at + sizeof(u64) < length; at += sizeof(u64))
			put_unaligned(get_unaligned((const u64 *)(from + at)), (u64 *)(to + at));
		at = length - sizeof(u64);
		put_unaligned(get_unaligned((const u64 *)(from + at)), (u64 *)(to + at));
	} else if (length >= sizeof(u32)) {
		put_unaligned(get_unaligned((const u32 *)from), (u32 *)to);
		at = length - sizeof(u32);
		put_unaligned(get_unaligned((const u32 *)(from + at)), (u32 *)(to + at));
	} else {
		for (at = 0; at < length; at++)
			to[at] = from[at];
	}
}

/* "/" and the name; the end of what does not fit is kept. */
static __always_inline int prepend_name(struct ks_text *text, const struct dentry *dentry,
					unsigned int seq)
{
	size_t length = READ_ONCE(dentry->d_name.len), room = text->begin - text->buffer;
	/* Pairs with the release in the kernel's __d_alloc(); renamed, it stays for RCU. */
	const unsigned char *name = smp_load_acquire(&dentry->d_name.name);

	/* Of a rename, the length may be one name's and the bytes another's. */
	if (unlikely(read_seqcount_retry(renames(), seq)))
		return -EBUSY;
	if (unlikely(length >= room)) {
		text->begin = text->buffer;
		memcpy(text->buffer, name + length - room, room);
		return -ENAMETOOLONG;
	}
	text->begin -= length + 1;
	*text->begin = '/';
	copy_name(text->begin + 1, name, length);
	return 0;
}

static __always_inline int walk(const struct path *path, struct ks_text *text, unsigned int seq,
				struct ks_place *place)
{
	const struct dentry *dentry = path->dentry;
	const struct vfsmount *mnt = path->mnt;
	unsigned int depth;
	int err;

	for (depth = 0; depth < KS_WALK_DEPTH; depth++) {
		if (dentry == mnt->mnt_root) {
			if (!ks_knows_mounts)
				return IS_ENABLED(CONFIG_PREEMPT_RT) ? 0 : -ENOENT;
			if (mnt == place->root.mnt)
				place->passed = true;
			if (!ks_mount_up(&mnt, &dentry))
				return 0;
			continue;
		}
		if (IS_ROOT(dentry))
			return -ENOENT;
		err = prepend_name(text, dentry, seq);
		if (err)
			return err;
		dentry = READ_ONCE(dentry->d_parent);
	}
	return -ENAMETOOLONG;
}

/* An absolute path, or an ERR_PTR().  It ends with a NUL at the buffer's end. */
static __always_inline char *ks_walk(const struct path *path, char *buffer, size_t size,
				     struct ks_place *place)
{
	struct ks_text text = { .buffer = buffer };
	unsigned int seq, mount_seq = 0, tries;
	int err = -EBUSY;

	ks_probe_read_lock();
	for (tries = 0; tries < KS_WALK_TRIES; tries++) {
		seq = raw_read_seqcount(renames());
		if (ks_mount_lock)
			mount_seq = raw_read_seqcount(ks_mount_lock);
		if ((seq | mount_seq) & 1) {
			cpu_relax();
			continue;
		}
		text.begin = buffer + size - 1;
		*text.begin = '\0';
		place->passed = false;
		err = walk(path, &text, seq, place);
		if (!read_seqcount_retry(renames(), seq) &&
		    (!ks_mount_lock || !read_seqcount_retry(ks_mount_lock, mount_seq)))
			break;
		err = -EBUSY;
	}
	ks_probe_read_unlock();
	if (!err && !*text.begin)
		*--text.begin = '/';
	return err ? ERR_PTR(err) : text.begin;
}

#endif /* KS_WALK_H */
