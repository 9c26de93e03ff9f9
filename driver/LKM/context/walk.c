// SPDX-License-Identifier: GPL-2.0-only
/*
 * Absolute paths without a lock.  Where spin locks sleep (PREEMPT_RT) a probe
 * must not call d_path() and its kin: they wait for a rename that is under
 * way.  This gives up instead.
 */
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/path.h>
#include <linux/rcupdate.h>
#include <linux/seqlock.h>
#include <linux/string.h>
#include "../compat/mount.h"
#include "context.h"

#define KS_WALK_TRIES	8
#define KS_WALK_DEPTH	512

struct ks_text {
	char *buffer;
	char *begin;
};

/* The end of what does not fit is kept; false: it did not. */
static bool prepend(struct ks_text *text, const unsigned char *from, size_t length)
{
	size_t room = text->begin - text->buffer;
	size_t kept = min(length, room);

	text->begin -= kept;
	memcpy(text->begin, from + length - kept, kept);
	return kept == length;
}

static bool prepend_name(struct ks_text *text, const struct dentry *dentry)
{
	/* Pairs with the release in the kernel's __d_alloc(); renamed, it stays for RCU. */
	const unsigned char *name = smp_load_acquire(&dentry->d_name.name);

	/* Not by d_name.len: during a rename that may be another name's. */
	return prepend(text, name, strnlen(name, NAME_MAX)) && prepend(text, "/", 1);
}

static int walk(const struct path *path, struct ks_text *text)
{
	const struct dentry *dentry = path->dentry;
	const struct vfsmount *mnt = path->mnt;
	unsigned int depth;

	for (depth = 0; depth < KS_WALK_DEPTH; depth++) {
		if (dentry == mnt->mnt_root) {
			if (!ks_mount_up(&mnt, &dentry))
				return 0;
			continue;
		}
		if (IS_ROOT(dentry))
			return -ENOENT;
		if (!prepend_name(text, dentry))
			return -ENAMETOOLONG;
		dentry = READ_ONCE(dentry->d_parent);
	}
	return -ENAMETOOLONG;
}

char *ks_walk(const struct path *path, char *buffer, size_t size)
{
	const seqcount_t *renames = (const seqcount_t *)&rename_lock;
	struct ks_text text = { .buffer = buffer };
	unsigned int seq, tries;
	int err = -EBUSY;

	rcu_read_lock();
	for (tries = 0; tries < KS_WALK_TRIES; tries++) {
		seq = raw_read_seqcount(renames);
		if (seq & 1) {
			cpu_relax();
			continue;
		}
		text.begin = buffer + size - 1;
		*text.begin = '\0';
		err = walk(path, &text);
		if (!read_seqcount_retry(renames, seq))
			break;
		err = -EBUSY;
	}
	rcu_read_unlock();
	if (!err && !*text.begin)
		prepend(&text, "/", 1);
	return err ? ERR_PTR(err) : text.begin;
}
