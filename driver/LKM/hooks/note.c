// SPDX-License-Identifier: GPL-2.0-only
#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "note.h"

/* Such calls are rare: few are under way at once. */
#define BITS		6
#define WAYS		8
/* One that old was left behind: its call had no instance of the kretprobe. */
#define FORGOTTEN	(60 * HZ)

/* Only the task that has put itself there looks at the rest. */
static struct {
	struct task_struct *task;
	unsigned long since;
	enum ks_note_kind kind;
	u8 data[KS_NOTE_BYTES];
} kept[1 << BITS];

static unsigned int place(unsigned int way)
{
	return (hash_ptr(current, BITS) + way) % ARRAY_SIZE(kept);
}

static bool is_mine(unsigned int at, enum ks_note_kind kind)
{
	return READ_ONCE(kept[at].task) == current && kept[at].kind == kind;
}

void ks_note_drop(enum ks_note_kind kind)
{
	unsigned int way, at;

	for (way = 0; way < WAYS; way++) {
		at = place(way);
		if (is_mine(at, kind))
			cmpxchg(&kept[at].task, current, NULL);
	}
}

void ks_note_put(struct ks_hook *hook, enum ks_note_kind kind, const void *data, size_t size)
{
	struct task_struct *task;
	unsigned int way, at;

	size = min_t(size_t, size, KS_NOTE_BYTES);
	ks_note_drop(kind);
	for (way = 0; way < WAYS; way++) {
		at = place(way);
		task = READ_ONCE(kept[at].task);
		if (task && !time_after(jiffies, READ_ONCE(kept[at].since) + FORGOTTEN))
			continue;
		/* First, so that nobody takes the new owner's for an old one. */
		WRITE_ONCE(kept[at].since, jiffies);
		if (cmpxchg(&kept[at].task, task, current) == task) {
			kept[at].kind = kind;
			memcpy(kept[at].data, data, size);
			return;
		}
	}
	__this_cpu_inc(hook->stats->missed);
}

bool ks_note_take(enum ks_note_kind kind, void *data, size_t size)
{
	unsigned int way, at;

	for (way = 0; way < WAYS; way++) {
		at = place(way);
		if (!is_mine(at, kind))
			continue;
		memcpy(data, kept[at].data, size);
		/* Else another one has taken the place meanwhile: what was copied may be its. */
		if (cmpxchg(&kept[at].task, current, NULL) == current)
			return true;
	}
	return false;
}
