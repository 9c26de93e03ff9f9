// SPDX-License-Identifier: GPL-2.0-only
#include <linux/atomic.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include "../context/context.h"
#include "removal.h"

/* From the question to the call a task hardly ever sleeps: few are kept at once. */
#define BITS		7
#define WAYS		8
/* One that old was left behind: its call had no instance of the kretprobe. */
#define FORGOTTEN	(10 * HZ)

/* Only the task that has put itself there looks at the rest. */
static struct {
	struct task_struct *task;
	struct path path;
	unsigned long since;
} kept[1 << BITS];

static unsigned int place(unsigned int way)
{
	return (hash_ptr(current, BITS) + way) % ARRAY_SIZE(kept);
}

static bool forgotten(unsigned int at)
{
	return time_after(jiffies, READ_ONCE(kept[at].since) + FORGOTTEN);
}

void ks_removal_drop(void)
{
	unsigned int way, at;

	for (way = 0; way < WAYS; way++) {
		at = place(way);
		if (READ_ONCE(kept[at].task) == current)
			cmpxchg(&kept[at].task, current, NULL);
	}
}

void ks_removal_note(struct ks_hook *hook, const struct ks_removal *removal)
{
	struct task_struct *task;
	unsigned int way, at;

	ks_removal_drop();
	for (way = 0; way < WAYS; way++) {
		at = place(way);
		task = READ_ONCE(kept[at].task);
		if (task && !forgotten(at))
			continue;
		/* First, so that nobody takes the new owner's for an old one. */
		WRITE_ONCE(kept[at].since, jiffies);
		if (cmpxchg(&kept[at].task, task, current) == task) {
			kept[at].path = removal->path;
			return;
		}
	}
	__this_cpu_inc(hook->stats->missed);
}

/* NULL where there is no file. */
static const struct inode *look_at(struct ks_removal *removal)
{
	const struct inode *inode = d_backing_inode(removal->path.dentry);

	if (inode) {
		removal->inode = inode->i_ino;
		removal->links = inode->i_nlink;
	}
	return inode;
}

const struct inode *ks_removal_asked(struct ks_removal *removal, const struct ks_call *call)
{
	const struct path *dir = (const struct path *)call->arg[0];

	removal->path.mnt = dir->mnt;
	removal->path.dentry = (struct dentry *)call->arg[1];
	return look_at(removal);
}

/* The dentry is the second argument, since v5.12 the third: the first is of the mount. */
static bool is_about(const struct ks_call *call, const struct dentry *dentry)
{
	return call->arg[1] == (unsigned long)dentry || call->arg[2] == (unsigned long)dentry;
}

const struct inode *ks_removal_take(struct ks_removal *removal, const struct ks_call *call)
{
	unsigned int way, at;
	bool known;

	for (way = 0; way < WAYS; way++) {
		at = place(way);
		if (READ_ONCE(kept[at].task) != current)
			continue;
		removal->path = kept[at].path;
		known = is_about(call, removal->path.dentry) && !forgotten(at);
		if (!known || cmpxchg(&kept[at].task, current, NULL) != current)
			continue;
		return look_at(removal);
	}
	return NULL;
}
