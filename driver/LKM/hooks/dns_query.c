// SPDX-License-Identifier: GPL-2.0-only
/*
 * An answer of the domain name system reaches a program: by whatever call it
 * receives, what is parsed are the packet's bytes in the kernel, never those in
 * the program's memory.
 *
 * UDP: skb_consume_udp() takes every datagram that was received.  A socket's
 * port decides; what is not of port 53 or 5353 pays two comparisons.  TCP is in
 * dns_tcp.c.
 */
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/udp.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include "../compat/preempt.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "dns.h"
#include "dns_parse.h"
#include "dns_stream.h"

#define PORT_DNS	53
#define PORT_MULTICAST	5353

/* A datagram is copied behind the text that is made of it: from the end of the record on. */
static bool put_message(struct ks_record *record, struct ks_event_dns_query *e,
			const struct ks_dns_answer *answer)
{
	size_t length = min_t(size_t, answer->length, KS_DNS_LOOKED_AT);
	size_t room = KS_DNS_TEXT + KS_DNS_LOOKED_AT;
	char *text = ks_record_room(record, &room);
	const u8 *message = answer->message;
	struct ks_dns dns;

	if (!text || room < KS_DNS_TEXT + KS_DNS_LOOKED_AT)
		return false;
	if (!message) {
		message = (u8 *)text + KS_DNS_TEXT;
		if (skb_copy_bits(answer->skb, 0, (u8 *)message, length))
			return false;
	}
	ks_dns_parse(message, length, length < answer->length, text, &dns);
	e->query_id = dns.id;
	e->dns_flags = dns.flags & 0x87b0;
	e->opcode = ks_dns_opcode(dns.flags);
	e->rcode = ks_dns_rcode(dns.flags);
	e->qtype = dns.type;
	e->qclass = dns.class;
	e->answer_count = dns.answers;
	e->problem = dns.problem;
	if (dns.more)
		ks_record_flag(record, KSONDE_F_TRUNCATED);
	if (dns.name_length)
		ks_record_keep(record, &e->name, text, dns.name_length);
	else
		ks_absent(record, dns_query, name);
	/* A vector's last string has no NUL where the record was cut. */
	if (dns.told_length)
		ks_record_keep(record, &e->answers, text + dns.name_length, dns.told_length);
	return true;
}

static void put_ends_udp(struct ks_event_dns_query *e, const struct sk_buff *skb)
{
	const struct udphdr *udp = udp_hdr(skb);

	e->remote_port = ntohs(udp->source);
	e->local_port = ntohs(udp->dest);
	if (skb->protocol == htons(ETH_P_IPV6)) {
		e->family = AF_INET6;
		memcpy(e->remote_address, &ipv6_hdr(skb)->saddr, sizeof(struct in6_addr));
		memcpy(e->local_address, &ipv6_hdr(skb)->daddr, sizeof(struct in6_addr));
	} else {
		e->family = AF_INET;
		memcpy(e->remote_address, &ip_hdr(skb)->saddr, sizeof(__be32));
		memcpy(e->local_address, &ip_hdr(skb)->daddr, sizeof(__be32));
	}
}

static void put_ends_tcp(struct ks_event_dns_query *e, const struct sock *sk)
{
	struct ks_socket ends;

	if (!ks_socket_describe(sk, &ends))
		return;
	e->family = ends.family;
	e->remote_port = ends.remote_port;
	e->local_port = ends.local_port;
	memcpy(e->remote_address, ends.remote_address, sizeof(e->remote_address));
	memcpy(e->local_address, ends.local_address, sizeof(e->local_address));
}

/* Whom it is from, as rules may ask. */
static struct ks_record *begin(struct ks_hook *hook, const struct ks_dns_answer *answer,
			       u16 protocol)
{
	const struct sk_buff *skb = answer->skb;
	struct ks_socket ends;

	if (protocol != IPPROTO_UDP && ks_socket_describe(answer->sk, &ends))
		return ks_record_begin_with(hook, dns_query, ends.family, ends.remote_address);
	if (protocol != IPPROTO_UDP)
		return ks_record_begin(hook, dns_query);
	if (skb->protocol == htons(ETH_P_IPV6))
		return ks_record_begin_with(hook, dns_query, AF_INET6, &ipv6_hdr(skb)->saddr);
	return ks_record_begin_with(hook, dns_query, AF_INET, &ip_hdr(skb)->saddr);
}

void ks_dns_record(struct ks_hook *hook, const struct ks_dns_answer *answer, u16 protocol)
{
	const struct socket *socket = READ_ONCE(answer->sk->sk_socket);
	struct ks_event_dns_query *e;
	struct ks_record *record;

	record = begin(hook, answer, protocol);
	if (!record)
		return;
	e = ks_record_event(record, dns_query);
	e->protocol = protocol;
	e->length = answer->length;
	if (protocol == IPPROTO_UDP)
		put_ends_udp(e, answer->skb);
	else
		put_ends_tcp(e, answer->sk);
	if (socket)
		e->socket = SOCK_INODE((struct socket *)socket)->i_ino;
	else
		ks_absent(record, dns_query, socket);
	if (put_message(record, e, answer))
		ks_record_commit(record);
	else
		ks_record_cancel(record);
}

/* A query has the same form; what is too short to tell is taken for an answer. */
static bool is_answer(const struct ks_dns_answer *answer)
{
	u8 head[4];

	return skb_copy_bits(answer->skb, 0, head, sizeof(head)) ||
	       ks_dns_is_answer(head);
}

static void udp_received(struct ks_hook *hook, const struct ks_call *call)
{
	struct ks_dns_answer answer = { .sk = (struct sock *)call->arg[0],
					.skb = (struct sk_buff *)call->arg[1] };
	u16 port = ntohs(udp_hdr(answer.skb)->source);

	if (likely(port != PORT_DNS && port != PORT_MULTICAST))
		return;
	/* A negative length: it was only looked at, and stays. */
	if (!ks_is_wanted(dns_query) || (int)call->arg[2] < 0 || ks_in_interrupt())
		return;
	/* Since v4.7 (e6afc8ace6dd) the header is taken off before a packet is queued. */
	answer.length = answer.skb->len;
	if (is_answer(&answer))
		ks_dns_record(hook, &answer, IPPROTO_UDP);
}

static const struct ks_point udp_points[] = {
	KS_FTRACE("skb_consume_udp", udp_received),
	KS_KPROBE("skb_consume_udp", udp_received),
	{}
};

struct ks_hook ks_hook_dns_udp = {
	.name = "dns_udp",
	.event = KS_EV_dns_query,
	.most = KS_DNS_MOST,
	.points = udp_points,
};
