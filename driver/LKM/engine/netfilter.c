// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets as they come in (PRE_ROUTING), IPv4 and IPv6, in every network
 * namespace there is and every one that comes to be.
 *
 * What is called for a new namespace is not told who asked, so there is one
 * hook of this kind at a time.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/netdevice.h>
#include <linux/string.h>
#include <net/net_namespace.h>
#include "../compat/netfilter.h"
#include "mechanism.h"

static struct ks_attachment netfilter_attachment;

static unsigned int packet_comes(void *priv, struct sk_buff *skb,
				 const struct nf_hook_state *state)
{
	struct ks_hook *hook = READ_ONCE(netfilter_attachment.hook);
	u64 token = ks_hook_enter(hook);

	netfilter_attachment.point->packet(hook, skb, state);
	ks_hook_leave(hook, token);
	return NF_ACCEPT;
}

/* Before all others: what the host's own rules drop was sent as well. */
static const struct nf_hook_ops netfilter_ops[] = {
	{
		.hook = packet_comes,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_PRE_ROUTING,
		.priority = NF_IP_PRI_FIRST,
	},
	{
		.hook = packet_comes,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_PRE_ROUTING,
		.priority = NF_IP6_PRI_FIRST,
	},
};

static int __net_init namespace_begins(struct net *net)
{
	return nf_register_net_hooks(net, netfilter_ops, ARRAY_SIZE(netfilter_ops));
}

static void __net_exit namespace_ends(struct net *net)
{
	nf_unregister_net_hooks(net, netfilter_ops, ARRAY_SIZE(netfilter_ops));
}

static struct pernet_operations netfilter_namespaces = {
	.init = namespace_begins,
	.exit = namespace_ends,
};

static int netfilter_attach(struct ks_hook *hook, const struct ks_point *point,
			    struct ks_attachment **attachment)
{
	int err;

	if (strcmp(point->target, "PRE_ROUTING"))
		return -ENOENT;
	if (netfilter_attachment.hook)
		return -EBUSY;
	netfilter_attachment.hook = hook;
	netfilter_attachment.point = point;
	err = register_pernet_subsys(&netfilter_namespaces);
	if (err) {
		/* Namespaces that had it already may still have packets there. */
		synchronize_net();
		netfilter_attachment.hook = NULL;
		return err;
	}
	*attachment = &netfilter_attachment;
	return 0;
}

static void netfilter_detach(struct ks_attachment *attachment)
{
	unregister_pernet_subsys(&netfilter_namespaces);
	synchronize_net();
}

static const char *netfilter_check(struct ks_attachment *attachment)
{
	bool there = true;
	struct net *net;
	unsigned int i;

	/* What is in the list has begun, and has not ended. */
	rcu_read_lock();
	for_each_net_rcu(net) {
		for (i = 0; i < ARRAY_SIZE(netfilter_ops); i++)
			there &= ks_netfilter_has(net, &netfilter_ops[i]);
	}
	rcu_read_unlock();
	return there ? NULL : "it was unregistered in a network namespace";
}

static void netfilter_free(struct ks_attachment *attachment)
{
	attachment->hook = NULL;
}

const struct ks_mechanism ks_mech_netfilter = {
	.name	= "netfilter",
	.attach	= netfilter_attach,
	.detach	= netfilter_detach,
	.free	= netfilter_free,
	.check	= netfilter_check,
};
