/* SPDX-License-Identifier: GPL-2.0-only */
/* An answer of the domain name system that a program received, by UDP or TCP. */
#ifndef KS_HOOKS_DNS_H
#define KS_HOOKS_DNS_H

#include <linux/types.h>

struct ks_hook;
struct sk_buff;
struct sock;

/* Answers a second: a resolver of its own has many, and nobody reads more. */
#define KS_DNS_MOST	1000

struct ks_dns_answer {
	const struct sock *sk;
	const struct sk_buff *skb;	/* UDP: the datagram */
	const u8 *message;		/* TCP: KS_DNS_LOOKED_AT bytes of it at most */
	u32 length;
};

void ks_dns_record(struct ks_hook *hook, const struct ks_dns_answer *answer, u16 protocol);

#endif /* KS_HOOKS_DNS_H */
