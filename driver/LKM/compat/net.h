/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/net.h>, <net/inet_sock.h>
 * v5.11, dba4a9256bb4 ("net: Remove the err argument from sock_from_file").
 * CONFIG_IPV6 may be off.
 */
#ifndef KS_COMPAT_NET_H
#define KS_COMPAT_NET_H

#include <linux/ipv6.h>
#include <linux/net.h>
#include <linux/string.h>
#include <linux/version.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/sock.h>

static inline struct socket *ks_sock_from_file(struct file *file)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
	return sock_from_file(file);
#else
	int err;

	return sock_from_file(file, &err);
#endif
}

/* The local address of an IPv6 socket, as getsockname(2) has it. */
static inline bool ks_sock_ipv6_local(const struct sock *sk, u8 address[16])
{
#if IS_ENABLED(CONFIG_IPV6)
	const struct in6_addr *from = &sk->sk_v6_rcv_saddr;

	if (ipv6_addr_any(from) && inet6_sk(sk))
		from = &inet6_sk(sk)->saddr;
	memcpy(address, from, sizeof(*from));
	return true;
#else
	return false;
#endif
}

static inline void ks_sock_ipv6_remote(const struct sock *sk, u8 address[16])
{
#if IS_ENABLED(CONFIG_IPV6)
	memcpy(address, &sk->sk_v6_daddr, sizeof(sk->sk_v6_daddr));
#endif
}

/* v5.6, eda7acddf808 ("mptcp: Handle MPTCP TCP options") has the protocol's number. */
static inline bool ks_is_mptcp(const struct sock *sk)
{
#ifdef CONFIG_MPTCP
	return sk->sk_protocol == IPPROTO_MPTCP;
#else
	return false;
#endif
}

#endif /* KS_COMPAT_NET_H */
