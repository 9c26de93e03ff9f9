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

static inline bool ks_netfilter_has(struct net *net, const struct nf_hook_ops *ops)
{
	return true;
}
#else
/*
 * Under rcu_read_lock().
 * v4.16, b0f38338aef2 ("netfilter: reduce size of hook entry point locations").
 */
static inline bool ks_netfilter_has(struct net *net, const struct nf_hook_ops *ops)
{
	const struct nf_hook_entries *entries;
	unsigned int i;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 16, 0)
	if (ops->pf == NFPROTO_IPV4)
		entries = rcu_dereference(net->nf.hooks_ipv4[ops->hooknum]);
	else
		entries = rcu_dereference(net->nf.hooks_ipv6[ops->hooknum]);
#else
	entries = rcu_dereference(net->nf.hooks[ops->pf][ops->hooknum]);
#endif
	for (i = 0; entries && i < entries->num_hook_entries; i++) {
		if (entries->hooks[i].hook == ops->hook)
			return true;
	}
	return false;
}
#endif

#endif /* KS_COMPAT_NETFILTER_H */
