// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of processes: set-associative, of fixed size, so that a probe
 * neither allocates nor follows a list.  A process that finds no place in its
 * bucket is unknown, which costs time, not truth.
 *
 * A bucket's writers hold its lock.  Readers take none: they copy and look
 * whether the bucket changed meanwhile.
 */
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/seqlock.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include "cache.h"
#include "words.h"

#define KS_WAYS		8
#define KS_READ_TRIES	64

static unsigned int cache_entries = 8192;
module_param(cache_entries, uint, 0444);
MODULE_PARM_DESC(cache_entries, "processes that the process cache has room for");

struct ks_bucket {
	u32 tgid[KS_WAYS];	/* 0: free */
	raw_spinlock_t lock;
	seqcount_t seq;
	u32 clock;
	struct ks_entry entry[KS_WAYS];
};

static struct ks_bucket *cache;
static unsigned int cache_bits;

static struct ks_bucket *bucket_of(u32 tgid)
{
	/* Pairs with the release in ks_cache_create(). */
	struct ks_bucket *table = smp_load_acquire(&cache);

	return table ? &table[hash_32(tgid, cache_bits)] : NULL;
}

static int bucket_find(const struct ks_bucket *bucket, u32 tgid)
{
	int way;

	for (way = 0; way < KS_WAYS; way++) {
		if (READ_ONCE(bucket->tgid[way]) == tgid)
			return way;
	}
	return -1;
}

/*
 * Where a new process goes: a free place, else that of the longest dead,
 * else that of a living one which nobody follows; -1: nowhere.
 */
static int bucket_victim(struct ks_bucket *bucket)
{
	const struct ks_entry_head *head;
	int way, dead = -1, alive = -1;

	lockdep_assert_held(&bucket->lock);
	for (way = 0; way < KS_WAYS; way++) {
		if (!bucket->tgid[way])
			return way;
		head = &bucket->entry[way].head;
		if (head->died) {
			if (dead < 0 || head->died < bucket->entry[dead].head.died)
				dead = way;
		} else if (!head->trees &&
			   (alive < 0 || way == bucket->clock % KS_WAYS)) {
			alive = way;
		}
	}
	bucket->clock++;
	return dead >= 0 ? dead : alive;
}

static void bucket_put(struct ks_bucket *bucket, int way, u32 tgid, const struct ks_entry *entry)
{
	lockdep_assert_held(&bucket->lock);
	write_seqcount_begin(&bucket->seq);
	WRITE_ONCE(bucket->tgid[way], tgid);
	bucket->entry[way].head = entry->head;
	ks_words_copy(bucket->entry[way].exe, entry->exe, entry->head.exe_length);
	write_seqcount_end(&bucket->seq);
}

/* Never waits long: a bucket that keeps changing is a miss. */
int ks_cache_read(u32 tgid, u64 start_time, char *exe, struct ks_known *known)
{
	struct ks_bucket *bucket = bucket_of(tgid);
	const struct ks_entry *entry;
	unsigned int seq, tries;
	int way, length;

	if (!bucket)
		return -1;
	for (tries = 0; tries < KS_READ_TRIES; tries++) {
		seq = raw_read_seqcount(&bucket->seq);
		if (unlikely(seq & 1)) {
			cpu_relax();
			continue;
		}
		length = -1;
		way = bucket_find(bucket, tgid);
		if (likely(way >= 0 && bucket->entry[way].head.start_time == start_time)) {
			entry = &bucket->entry[way];
			/* Of whichever entry: at most KS_EXE_MAX. */
			length = READ_ONCE(entry->head.exe_length);
			if (known) {
				known->trees = entry->head.trees;
				known->flags = entry->head.flags;
			}
			if (exe)
				ks_words_copy(exe, entry->exe, length);
		}
		if (likely(!read_seqcount_retry(&bucket->seq, seq)))
			return length;
	}
	return -1;
}

void ks_cache_set(u32 tgid, struct ks_entry *entry, bool keep_trees)
{
	struct ks_bucket *bucket = bucket_of(tgid);
	unsigned long flags;
	int way;

	if (!bucket)
		return;
	raw_spin_lock_irqsave(&bucket->lock, flags);
	way = bucket_find(bucket, tgid);
	if (way < 0)
		way = bucket_victim(bucket);
	else if (keep_trees && bucket->entry[way].head.start_time == entry->head.start_time)
		entry->head.trees = bucket->entry[way].head.trees;
	if (way >= 0)
		bucket_put(bucket, way, tgid, entry);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

void ks_cache_add(u32 tgid, const struct ks_entry *entry, const atomic_t *live)
{
	struct ks_bucket *bucket = bucket_of(tgid);
	unsigned long flags;
	int way;

	if (!bucket)
		return;
	raw_spin_lock_irqsave(&bucket->lock, flags);
	way = bucket_find(bucket, tgid);
	if (way < 0) {
		way = bucket_victim(bucket);
		if (way >= 0 && atomic_read(live))
			bucket_put(bucket, way, tgid, entry);
	}
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

bool ks_cache_end(u32 tgid, const struct ks_entry *entry)
{
	struct ks_bucket *bucket = bucket_of(tgid);
	unsigned long flags;
	bool first = true;
	int way;

	if (!bucket)
		return true;
	raw_spin_lock_irqsave(&bucket->lock, flags);
	way = bucket_find(bucket, tgid);
	if (way >= 0 && bucket->entry[way].head.start_time == entry->head.start_time) {
		first = !bucket->entry[way].head.died;
	} else {
		if (way < 0)
			way = bucket_victim(bucket);
		if (way >= 0)
			bucket_put(bucket, way, tgid, entry);
	}
	if (first && way >= 0)
		bucket->entry[way].head.died = ++bucket->clock;
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return first;
}

bool ks_cache_follow(u32 tgid, u32 session)
{
	struct ks_bucket *bucket = bucket_of(tgid);
	unsigned long flags;
	int way;

	if (!bucket)
		return false;
	raw_spin_lock_irqsave(&bucket->lock, flags);
	way = bucket_find(bucket, tgid);
	if (way >= 0)
		bucket->entry[way].head.trees |= session;
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return way >= 0;
}

void ks_cache_unfollow(u32 session)
{
	unsigned long flags;
	unsigned int i;
	int way;

	if (!cache)
		return;
	for (i = 0; i < 1U << cache_bits; i++) {
		raw_spin_lock_irqsave(&cache[i].lock, flags);
		for (way = 0; way < KS_WAYS; way++)
			cache[i].entry[way].head.trees &= ~session;
		raw_spin_unlock_irqrestore(&cache[i].lock, flags);
	}
}

int ks_cache_create(void)
{
	unsigned int buckets, i;
	struct ks_bucket *table;

	buckets = roundup_pow_of_two(clamp(cache_entries, 1024U, 1U << 20) / KS_WAYS);
	table = vzalloc(buckets * sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (i = 0; i < buckets; i++) {
		raw_spin_lock_init(&table[i].lock);
		seqcount_init(&table[i].seq);
		table[i].clock = 1;
	}
	cache_bits = ilog2(buckets);
	/* Probes run already: they get a table that is made. */
	smp_store_release(&cache, table);
	return 0;
}

void ks_cache_destroy(void)
{
	struct ks_bucket *table = cache;

	WRITE_ONCE(cache, NULL);
	vfree(table);
}

u64 ks_cache_bytes(void)
{
	return READ_ONCE(cache) ? sizeof(struct ks_bucket) << cache_bits : 0;
}
