// SPDX-License-Identifier: GPL-2.0-only
/*
 * What became of a TCP connect that was in progress when the call returned.
 *
 * The socket leaves SYN_SENT in an interrupt, or in whatever task the packet
 * finds: the record of the call is kept until then, and told again with the
 * outcome, so that it says who asked, not who was interrupted.  A socket is
 * entered before its call begins, as the outcome can come before the return.
 */
#include <linux/hash.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/tcp.h>
#include <linux/vmalloc.h>
#include <net/sock.h>
#include <net/tcp_states.h>
#include "../core/record.h"
#include "../engine/hook.h"
#include "connect.h"

#define KS_BUCKET_BITS	6
#define KS_WAYS		8
/* The longest record of a connect, but for an executable of a very long name. */
#define KS_KEPT_BYTES	768

enum pending_state {
	PENDING_FREE,
	PENDING_CALLED,		/* the call has not returned */
	PENDING_DECIDED,	/* likewise, and the outcome is known */
	PENDING_WAITS,		/* the call has returned */
	PENDING_TAKEN,		/* being recorded */
};

struct ks_pending {
	const struct sock *sk;	/* NULL: free */
	enum pending_state state;
	bool given_up;
	s32 result;
	u32 sessions;
	u32 length;
	u8 record[KS_KEPT_BYTES];
};

struct bucket {
	raw_spinlock_t lock;
	struct ks_pending way[KS_WAYS];
};

/* Armed before connect.c is, and freed when neither is: there for whoever sees it. */
static struct bucket *pending_table;
static atomic_t pending_count;

static struct ks_pending *pending_find(struct bucket *bucket, const struct sock *sk)
{
	int way;

	lockdep_assert_held(&bucket->lock);
	for (way = 0; way < KS_WAYS; way++) {
		if (bucket->way[way].sk == sk)
			return &bucket->way[way];
	}
	return NULL;
}

/* NULL when the hook is not armed. */
static struct bucket *bucket_of(const struct sock *sk)
{
	/* Pairs with the release in prepare(). */
	struct bucket *table = smp_load_acquire(&pending_table);

	return table ? &table[hash_ptr(sk, KS_BUCKET_BITS)] : NULL;
}

static void pending_free(struct ks_pending *pending)
{
	pending->state = PENDING_FREE;
	pending->sk = NULL;
	atomic_dec(&pending_count);
}

bool ks_outcome_expect(const struct sock *sk)
{
	struct bucket *bucket = bucket_of(sk);
	struct ks_pending *pending = NULL;
	unsigned long flags;

	if (!bucket)
		return false;
	raw_spin_lock_irqsave(&bucket->lock, flags);
	if (!pending_find(bucket, sk))
		pending = pending_find(bucket, NULL);
	if (pending) {
		pending->sk = sk;
		pending->state = PENDING_CALLED;
		atomic_inc(&pending_count);
	}
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return pending;
}

void ks_outcome_forget(const struct sock *sk)
{
	struct bucket *bucket = bucket_of(sk);
	struct ks_pending *pending;
	unsigned long flags;

	if (!bucket)
		return;
	raw_spin_lock_irqsave(&bucket->lock, flags);
	pending = pending_find(bucket, sk);
	if (pending)
		pending_free(pending);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

static void keep_ref(struct ks_pending *pending, struct ksonde_ref *ref)
{
	struct ksonde_header *header = (void *)pending->record;

	if (ref->offset + ref->length <= pending->length)
		return;
	ref->offset = min_t(u32, ref->offset, pending->length);
	ref->length = pending->length - ref->offset;
	header->flags |= KSONDE_F_TRUNCATED;
}

static void keep(struct ks_pending *pending, const struct ks_record *record)
{
	struct ks_event_connect *e = (void *)pending->record;

	BUILD_BUG_ON(sizeof(*e) > KS_KEPT_BYTES);
	pending->sessions = record->sessions;
	pending->length = min_t(u32, record->end, KS_KEPT_BYTES);
	memcpy(pending->record, record->data, pending->length);
	keep_ref(pending, &e->c.exe);
	keep_ref(pending, &e->c.hostname);
	keep_ref(pending, &e->c.tty);
}

struct ks_pending *ks_outcome_await(const struct sock *sk, const struct ks_record *record)
{
	struct bucket *bucket = bucket_of(sk);
	struct ks_pending *pending;
	bool decided = false;
	unsigned long flags;

	if (!bucket)
		return NULL;
	raw_spin_lock_irqsave(&bucket->lock, flags);
	pending = pending_find(bucket, sk);
	if (pending) {
		keep(pending, record);
		decided = pending->state == PENDING_DECIDED;
		pending->state = decided ? PENDING_TAKEN : PENDING_WAITS;
	}
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return decided ? pending : NULL;
}

static void put_record(const struct ks_pending *pending)
{
	u32 sessions = pending->sessions & READ_ONCE(ks_wanted[KS_EV_connect]);
	const struct ksonde_header *kept = (const void *)pending->record;
	const size_t head = sizeof(*kept);
	struct ks_event_connect *e;
	struct ks_record *record;

	record = sessions ? ks_record_begin_plain(sessions, connect) : NULL;
	if (!record)
		return;
	e = ks_record_event(record, connect);
	memcpy(record->data + head, pending->record + head, pending->length - head);
	record->end = pending->length;
	e->h.hook = ks_hook_connect_outcome.index;
	e->h.flags = kept->flags;
	e->h.absent = kept->absent;
	e->stage = KS_CONNECT_OUTCOME;
	e->in_progress = 0;
	e->result = pending->result;
	if (pending->given_up)
		ks_absent(record, connect, result);
	ks_record_commit(record);
}

/* pending is TAKEN: nobody else looks at what it holds, or frees it. */
void ks_outcome_record(struct ks_pending *pending)
{
	struct bucket *bucket = bucket_of(pending->sk);
	unsigned long flags;

	if (!bucket)
		return;
	put_record(pending);
	raw_spin_lock_irqsave(&bucket->lock, flags);
	pending_free(pending);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

void ks_outcome_missed(void)
{
	if (READ_ONCE(pending_table))
		this_cpu_inc(ks_hook_connect_outcome.stats->missed);
}

/* The socket has left SYN_SENT. */
static void decide(const struct sock *sk, int state)
{
	struct bucket *bucket = bucket_of(sk);
	struct ks_pending *pending;
	unsigned long flags;
	bool take = false;

	if (!bucket)
		return;
	raw_spin_lock_irqsave(&bucket->lock, flags);
	pending = pending_find(bucket, sk);
	if (pending && (pending->state == PENDING_CALLED || pending->state == PENDING_WAITS)) {
		take = pending->state == PENDING_WAITS;
		pending->state = take ? PENDING_TAKEN : PENDING_DECIDED;
		pending->result = state == TCP_ESTABLISHED ? 0 : -READ_ONCE(sk->sk_err);
		pending->given_up = state != TCP_ESTABLISHED && !pending->result;
	}
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	if (take)
		ks_outcome_record(pending);
}

static __always_inline bool left_syn_sent(int oldstate, int newstate)
{
	return (oldstate == TCP_SYN_SENT || oldstate == TCP_SYN_RECV) &&
	       newstate != TCP_SYN_RECV && unlikely(atomic_read(&pending_count));
}

static void set_state(void *data, const struct sock *sk, const int oldstate, const int newstate)
{
	struct ks_hook *hook = data;
	u64 token;

	if (!left_syn_sent(oldstate, newstate))
		return;
	token = ks_hook_enter(hook);
	decide(sk, newstate);
	ks_hook_leave(hook, token);
}

/* The socket still has the old state. */
static void state_is_set(struct ks_hook *hook, const struct ks_call *call)
{
	const struct sock *sk = (const struct sock *)call->arg[0];
	int newstate = call->arg[1];

	if (left_syn_sent(sk->sk_state, newstate))
		decide(sk, newstate);
}

static int prepare(void)
{
	struct bucket *table = vzalloc(sizeof(*table) << KS_BUCKET_BITS);
	unsigned int i;

	if (!table)
		return -ENOMEM;
	for (i = 0; i < 1U << KS_BUCKET_BITS; i++)
		raw_spin_lock_init(&table[i].lock);
	atomic_set(&pending_count, 0);
	/* Locks first, then the table. */
	smp_store_release(&pending_table, table);
	return 0;
}

/* No handler runs any more, here or in connect.c. */
static void release(void)
{
	struct bucket *table = pending_table;

	WRITE_ONCE(pending_table, NULL);
	vfree(table);
}

static const struct ks_point points[] = {
	KS_TRACEPOINT("inet_sock_set_state", set_state),
	/* For kernels before v4.16. */
	KS_FTRACE("tcp_set_state", state_is_set),
	KS_KPROBE("tcp_set_state", state_is_set),
	{}
};

struct ks_hook ks_hook_connect_outcome = {
	.name = "connect_outcome",
	.event = KS_EV_connect,
	.vital = true,
	.points = points,
	.prepare = prepare,
	.release = release,
};
