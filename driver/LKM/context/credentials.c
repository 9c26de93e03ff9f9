// SPDX-License-Identifier: GPL-2.0-only
/*
 * A set-associative table of fixed size, as the cache of processes is: a
 * thread that finds no place is unknown, and what is unknown is no finding.
 */
#include <linux/cred.h>
#include <linux/hash.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <linux/vmalloc.h>
#include "../compat/capability.h"
#include "../compat/sched.h"
#include "credentials.h"

#define KS_BITS		10
#define KS_WAYS		8
/* A thread may have been within commit_creds() when all were looked at. */
#define KS_UNSURE	NSEC_PER_SEC

struct entry {
	u64 start_time;
	const struct cred *cred;	/* only compared */
	u64 time;
	u32 way;
	struct ks_credentials known;
};

struct bucket {
	raw_spinlock_t lock;
	u32 tid[KS_WAYS];		/* 0: free */
	struct entry entry[KS_WAYS];
};

static struct bucket *table;
static u64 doubted;		/* what is no newer is not sure */

void ks_credentials_of(const struct cred *cred, struct ks_credentials *out)
{
	out->uid = __kuid_val(cred->uid);
	out->euid = __kuid_val(cred->euid);
	out->suid = __kuid_val(cred->suid);
	out->fsuid = __kuid_val(cred->fsuid);
	out->gid = __kgid_val(cred->gid);
	out->egid = __kgid_val(cred->egid);
	out->sgid = __kgid_val(cred->sgid);
	out->fsgid = __kgid_val(cred->fsgid);
	out->cap_inheritable = ks_cap_bits(cred->cap_inheritable);
	out->cap_permitted = ks_cap_bits(cred->cap_permitted);
	out->cap_effective = ks_cap_bits(cred->cap_effective);
	out->cap_bounding = ks_cap_bits(cred->cap_bset);
	out->cap_ambient = ks_cap_bits(cred->cap_ambient);
	out->user_ns = cred->user_ns->ns.inum;
}

static struct bucket *bucket_of(const struct task_struct *task)
{
	return &table[hash_32(task->pid, KS_BITS)];
}

/* NULL: not known. */
static struct entry *find(struct bucket *bucket, const struct task_struct *task)
{
	int way;

	lockdep_assert_held(&bucket->lock);
	for (way = 0; way < KS_WAYS; way++) {
		if (bucket->tid[way] == (u32)task->pid &&
		    bucket->entry[way].start_time == ks_start_boottime(task))
			return &bucket->entry[way];
	}
	return NULL;
}

/* A free place, else that of the one that has not changed for the longest time. */
static struct entry *take(struct bucket *bucket, const struct task_struct *task)
{
	int way, oldest = 0;

	for (way = 0; way < KS_WAYS; way++) {
		if (!bucket->tid[way] || bucket->tid[way] == (u32)task->pid)
			break;
		if (bucket->entry[way].time < bucket->entry[oldest].time)
			oldest = way;
	}
	if (way == KS_WAYS)
		way = oldest;
	bucket->tid[way] = task->pid;
	bucket->entry[way].start_time = ks_start_boottime(task);
	return &bucket->entry[way];
}

static void note(struct entry *entry, const struct cred *cred, const struct ks_credentials *now,
		 enum ks_way way)
{
	entry->cred = cred;
	entry->known = *now;
	entry->way = way;
	entry->time = ktime_get_boot_fast_ns();
}

void ks_explained_set(const struct task_struct *task, const struct cred *cred, enum ks_way way)
{
	struct bucket *bucket = bucket_of(task);
	struct ks_credentials now;
	struct entry *entry;
	unsigned long flags;

	ks_credentials_of(cred, &now);
	raw_spin_lock_irqsave(&bucket->lock, flags);
	entry = find(bucket, task);
	/* What a probe has said is newer than what a look at all of them tells. */
	if (!entry || way != KS_WAY_SEEN)
		note(entry ?: take(bucket, task), cred, &now, way);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

static bool is_sure(const struct entry *entry)
{
	return entry->time > READ_ONCE(doubted) &&
	       (entry->way != KS_WAY_SEEN ||
		ktime_get_boot_fast_ns() - entry->time > KS_UNSURE);
}

void ks_explained_doubt(void)
{
	WRITE_ONCE(doubted, ktime_get_boot_fast_ns());
}

bool ks_explained_differ(struct ks_explained *last)
{
	const struct cred *cred = current_real_cred();
	struct bucket *bucket = bucket_of(current);
	struct ks_credentials now;
	struct entry *entry;
	unsigned long flags;
	bool differ = false;

	ks_credentials_of(cred, &now);
	raw_spin_lock_irqsave(&bucket->lock, flags);
	entry = find(bucket, current);
	if (!entry) {
		note(take(bucket, current), cred, &now, KS_WAY_SEEN);
	} else if (entry->cred != cred || memcmp(&entry->known, &now, sizeof(now))) {
		differ = is_sure(entry);
		last->credentials = entry->known;
		last->way = entry->way;
		last->time = entry->time;
		last->replaced = entry->cred != cred;
		note(entry, cred, &now, differ ? KS_WAY_UNEXPLAINED : KS_WAY_SEEN);
	}
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return differ;
}

void ks_explained_forget(void)
{
	struct bucket *bucket = bucket_of(current);
	struct entry *entry;
	unsigned long flags;

	raw_spin_lock_irqsave(&bucket->lock, flags);
	entry = find(bucket, current);
	if (entry)
		bucket->tid[entry - bucket->entry] = 0;
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

int ks_explained_create(void)
{
	unsigned int i;

	table = vzalloc(sizeof(*table) << KS_BITS);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < 1 << KS_BITS; i++)
		raw_spin_lock_init(&table[i].lock);
	return 0;
}

void ks_explained_fill(void)
{
	struct task_struct *leader, *task;

	rcu_read_lock();
	for_each_process(leader) {
		for_each_thread(leader, task)
			ks_explained_set(task, rcu_dereference(task->real_cred), KS_WAY_SEEN);
	}
	rcu_read_unlock();
}

void ks_explained_destroy(void)
{
	vfree(table);
	table = NULL;
}
