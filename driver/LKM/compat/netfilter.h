/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/netfilter.h>
 * CONFIG_NETFILTER may be off: then nothing can be registered, and the structures
 * are there since v5.4 only ("netfilter: remove CONFIG_NETFILTER checks
 * from headers").
 */
#ifndef KS_COMPAT_NETFILTER_H
#define KS_COMPAT_NETFILTER_H

#include <linux/errno.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/version.h>
#include <net/net_namespace.h>

#ifndef CONFIG_NETFILTER
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 4, 0)
struct nf_hook_state {
	u8 pf;
	struct net_device *in;
	struct net *net;
};

struct nf_hook_ops {
	unsigned int (*hook)(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);
	u8 pf;
	unsigned int hooknum;
	int priority;
};
#endif

static inline int nf_register_net_hooks(struct net *net, const struct nf_hook_ops *ops,
					unsigned int count)
{
	return -EOPNOTSUPP;
}

static inline void nf_unregister_net_hooks(struct net *net, const struct nf_hook_ops *ops,
					   unsigned int count)
{
}
#endif

#endif /* KS_COMPAT_NETFILTER_H */
