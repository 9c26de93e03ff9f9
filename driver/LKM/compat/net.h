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

/* Addresses of an IPv6 socket, as getsockname(2) has the local one. */
static inline bool ks_sock_ipv6(struct sock *sk, u8 local[16], u8 remote[16])
{
#if IS_ENABLED(CONFIG_IPV6)
	const struct in6_addr *from = &sk->sk_v6_rcv_saddr;

	if (ipv6_addr_any(from) && inet6_sk(sk))
		from = &inet6_sk(sk)->saddr;
	memcpy(local, from, sizeof(*from));
	memcpy(remote, &sk->sk_v6_daddr, sizeof(sk->sk_v6_daddr));
	return true;
#else
	return false;
#endif
}

#endif /* KS_COMPAT_NET_H */
