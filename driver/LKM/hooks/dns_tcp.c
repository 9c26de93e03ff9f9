// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers of the domain name system on a TCP connection: what is being copied to
 * a program is taken from the socket's buffers, before that, and put together
 * (dns_stream.c).  The sequence numbers of TCP say where in the stream it is, so
 * that what is only looked at (MSG_PEEK) does not count twice.
 *
 * The last connections that had an answer each have a place; one that has lost
 * its place is taken up again where an answer begins with a buffer.
 */
#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/tcp.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include <net/tcp.h>
#include "../compat/preempt.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "dns.h"
#include "dns_parse.h"
#include "dns_stream.h"

#define PORT_DNS	53
#define BUCKET_BITS	3
#define WAYS		4

struct place {
	const struct sock *sk;	/* NULL: free */
	u32 start;		/* the sequence number of its first byte */
	bool busy;		/* somebody takes bytes: it stays his */
	u64 used;
	struct ks_dns_stream stream;
};

struct bucket {
	raw_spinlock_t lock;
	struct place way[WAYS];
};

static struct bucket *buckets;

/* Reads of a server's bytes of which no answer could be made, since load. */
static atomic64_t dns_lost;

static int lost_show(char *buffer, const struct kernel_param *parameter)
{
	return scnprintf(buffer, PAGE_SIZE, "%lld\n", (long long)atomic64_read(&dns_lost));
}

static const struct kernel_param_ops lost_ops = {
	.get = lost_show,
};

module_param_cb(dns_lost, &lost_ops, NULL, 0444);
MODULE_PARM_DESC(dns_lost, "reads of DNS answers over TCP of which the begin was not seen");

static struct bucket *bucket_of(const struct sock *sk)
{
	return &buckets[hash_ptr(sk, BUCKET_BITS)];
}

/* Its own, else the one that was not used for longest; NULL: all are busy. */
static struct place *place_find(struct bucket *bucket, const struct sock *sk, u32 start)
{
	struct place *place, *oldest = NULL;

	for (place = bucket->way; place < bucket->way + WAYS; place++) {
		if (place->busy)
			continue;
		if (place->sk == sk && place->start == start)
			return place;
		if (!oldest || place->used < oldest->used)
			oldest = place;
	}
	if (oldest) {
		oldest->sk = sk;
		oldest->start = start;
		ks_dns_stream_begin(&oldest->stream);
	}
	return oldest;
}

static struct place *place_take(const struct sock *sk, u32 start)
{
	struct bucket *bucket = bucket_of(sk);
	struct place *place;

	raw_spin_lock(&bucket->lock);
	place = place_find(bucket, sk, start);
	if (place) {
		place->busy = true;
		place->used = ktime_get_boot_fast_ns();
	}
	raw_spin_unlock(&bucket->lock);
	return place;
}

static void place_give_back(struct place *place)
{
	struct bucket *bucket = bucket_of(place->sk);

	raw_spin_lock(&bucket->lock);
	place->busy = false;
	raw_spin_unlock(&bucket->lock);
}

static bool is_answer(const struct ks_dns_stream *stream)
{
	/* A query has the same form; what is too short to tell is taken for an answer. */
	return stream->length < 4 || ks_dns_is_answer(stream->message);
}

static void take(struct ks_hook *hook, const struct sock *sk, struct ks_dns_stream *stream,
		 const struct sk_buff *skb, u32 at, u32 end)
{
	struct ks_dns_answer answer = { .sk = sk, .message = stream->message };
	int i;

	for (i = 0; ks_dns_stream_take(stream, skb, &at, end); i++) {
		if (i == KS_DNS_PIPELINED) {
			stream->lost = true;
			return;
		}
		answer.length = stream->length;
		if (is_answer(stream))
			ks_dns_record(hook, &answer, IPPROTO_TCP);
	}
}

/* The socket is locked: nobody else reads from it, and its numbers stay. */
static void read_from(struct ks_hook *hook, const struct sock *sk, const struct sk_buff *skb,
		      u32 at, u32 end)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 start = tp->rcv_nxt - (u32)tp->bytes_received, first;
	struct place *place = place_take(sk, start);

	/* A SYN has a number, too, and no byte. */
	first = TCP_SKB_CB(skb)->seq + !!(TCP_SKB_CB(skb)->tcp_flags & TCPHDR_SYN);
	if (place && ks_dns_stream_join(&place->stream, skb, first - start, &at, end))
		take(hook, sk, &place->stream, skb, at, end);
	if (!place || place->stream.lost)
		atomic64_inc(&dns_lost);
	if (place)
		place_give_back(place);
}

static void copied(struct ks_hook *hook, const struct ks_call *call)
{
	const struct sk_buff *skb = (const struct sk_buff *)call->arg[0];
	int offset = call->arg[1], length = call->arg[3];
	const struct sock *sk = skb->sk;

	/* Also packets on their way out, read from a tunnel, belong to a socket. */
	if (!sk || skb->destructor != sock_rfree)
		return;
	if (sk->sk_family != AF_INET && sk->sk_family != AF_INET6)
		return;
	if (likely(inet_sk(sk)->inet_dport != htons(PORT_DNS)) || sk->sk_protocol != IPPROTO_TCP)
		return;
	if (!ks_is_wanted(dns_query) || offset < 0 || length <= 0 || ks_in_interrupt())
		return;
	if ((u32)offset < skb->len && (u32)length <= skb->len - offset)
		read_from(hook, sk, skb, offset, offset + length);
}

static int prepare(void)
{
	int i;

	buckets = vzalloc(sizeof(*buckets) << BUCKET_BITS);
	if (!buckets)
		return -ENOMEM;
	for (i = 0; i < 1 << BUCKET_BITS; i++)
		raw_spin_lock_init(&buckets[i].lock);
	return 0;
}

/* No handler runs any more. */
static void release(void)
{
	vfree(buckets);
	buckets = NULL;
}

static const struct ks_point points[] = {
	KS_FTRACE("skb_copy_datagram_iter", copied),
	KS_KPROBE("skb_copy_datagram_iter", copied),
	{}
};

struct ks_hook ks_hook_dns_tcp = {
	.name = "dns_tcp",
	.event = KS_EV_dns_query,
	.most = KS_DNS_MOST,
	.points = points,
	.prepare = prepare,
	.release = release,
};
