/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/netfilter.h>
 * CONFIG_NETFILTER may be off: then nothing can be registered, and the structures
 * are there since v5.4 only ("netfilter: remove CONFIG_NETFILTER checks
 * from headers").
 * v4.16, 62a0fe46e2aa ("netfilter: core: pass hook number, family and device to
 * nf_find_hook_list()"), b0f38338aef2 ("netfilter: reduce size of hook entry
 * point locations"): a namespace has an array of hooks for each family.
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

/* Hooks of one point, under rcu_read_lock(); family is NFPROTO_*. */
#ifdef CONFIG_NETFILTER
#define KS_NETFILTER_SHOWS	true

static inline struct nf_hook_entries *ks_netfilter_of(struct net *net, u8 family,
						      unsigned int hook)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 16, 0)
	switch (family) {
	case NFPROTO_IPV4:
		return hook < ARRAY_SIZE(net->nf.hooks_ipv4) ?
		       rcu_dereference(net->nf.hooks_ipv4[hook]) : NULL;
	case NFPROTO_IPV6:
		return hook < ARRAY_SIZE(net->nf.hooks_ipv6) ?
		       rcu_dereference(net->nf.hooks_ipv6[hook]) : NULL;
#ifdef CONFIG_NETFILTER_FAMILY_ARP
	case NFPROTO_ARP:
		return hook < ARRAY_SIZE(net->nf.hooks_arp) ?
		       rcu_dereference(net->nf.hooks_arp[hook]) : NULL;
#endif
#ifdef CONFIG_NETFILTER_FAMILY_BRIDGE
	case NFPROTO_BRIDGE:
		return hook < ARRAY_SIZE(net->nf.hooks_bridge) ?
		       rcu_dereference(net->nf.hooks_bridge[hook]) : NULL;
#endif
	}
	return NULL;
#else
	return family < NFPROTO_NUMPROTO && hook < NF_MAX_HOOKS ?
	       rcu_dereference(net->nf.hooks[family][hook]) : NULL;
#endif
}

/* Of a device, as packets come in.  Those of family INET are there as well. */
static inline struct nf_hook_entries *ks_netfilter_ingress(const struct net_device *device)
{
#ifdef CONFIG_NETFILTER_INGRESS
	return rcu_dereference(device->nf_hooks_ingress);
#else
	return NULL;
#endif
}

/* v5.16, 42df6e1d221d ("netfilter: Introduce egress hook"). */
static inline struct nf_hook_entries *ks_netfilter_egress(const struct net_device *device)
{
#ifdef CONFIG_NETFILTER_EGRESS
	return rcu_dereference(device->nf_hooks_egress);
#else
	return NULL;
#endif
}

/* Hook number i of a point; false: there are no more. */
static inline bool ks_netfilter_hook(const struct nf_hook_entries *entries, unsigned int i,
				     unsigned long *function, const struct nf_hook_ops **ops)
{
	if (!entries || i >= entries->num_hook_entries)
		return false;
	*function = (unsigned long)entries->hooks[i].hook;
	*ops = nf_hook_entries_get_hook_ops(entries)[i];
	return true;
}
#else
#define KS_NETFILTER_SHOWS	false
struct nf_hook_entries;

static inline struct nf_hook_entries *ks_netfilter_of(struct net *net, u8 family,
						      unsigned int hook)
{
	return NULL;
}

static inline struct nf_hook_entries *ks_netfilter_ingress(const struct net_device *device)
{
	return NULL;
}

static inline struct nf_hook_entries *ks_netfilter_egress(const struct net_device *device)
{
	return NULL;
}

static inline bool ks_netfilter_hook(const struct nf_hook_entries *entries, unsigned int i,
				     unsigned long *function, const struct nf_hook_ops **ops)
{
	return false;
}
#endif

#endif /* KS_COMPAT_NETFILTER_H */
