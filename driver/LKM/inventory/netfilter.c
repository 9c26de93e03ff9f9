// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks that packets pass: of each network namespace, by family, and of each
 * of its devices.  Packets walk them under RCU, and so does this; who adds and
 * removes them waits meanwhile, where the kernel's mutex is known.
 */
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <net/net_namespace.h>
#include "../compat/netfilter.h"
#include "../compat/uaccess.h"
#include "../engine/hook.h"
#include "inventory.h"

#define NETFILTER_HOOKS	8	/* of a family, with room to spare */

static const struct {
	const char *name;
	u8 family;
	const char *hooks[NETFILTER_HOOKS];
} netfilter_families[] = {
	{ "ipv4", NFPROTO_IPV4, { "prerouting", "input", "forward", "output", "postrouting" } },
	{ "ipv6", NFPROTO_IPV6, { "prerouting", "input", "forward", "output", "postrouting" } },
	{ "arp", NFPROTO_ARP, { "input", "output", "forward" } },
	{ "bridge", NFPROTO_BRIDGE,
	  { "prerouting", "input", "forward", "output", "postrouting", "brouting" } },
};

struct netfilter_look {
	struct ks_inventory *inventory;
	unsigned int namespace;
};

static void netfilter_add(const struct netfilter_look *look, const struct nf_hook_entries *entries,
			  const char *family, const char *device, const char *hook)
{
	struct ks_inventory_entry *entry;
	const struct nf_hook_ops *ops;
	unsigned long function;
	unsigned int i;
	int priority;

	for (i = 0; ks_netfilter_hook(entries, i, &function, &ops); i++) {
		entry = ks_inventory_add(look->inventory, function);
		scnprintf(entry->name, sizeof(entry->name), "%s %s%s%s", family, device,
			  *device ? " " : "", hook);
		if (copy_from_kernel_nofault(&priority, &ops->priority, sizeof(priority)))
			scnprintf(entry->detail, sizeof(entry->detail), "netns %u",
				  look->namespace);
		else
			scnprintf(entry->detail, sizeof(entry->detail), "netns %u, priority %d",
				  look->namespace, priority);
	}
}

static void netfilter_families_of(const struct netfilter_look *look, struct net *net)
{
	unsigned int i, hook;
	char number[16];

	for (i = 0; i < ARRAY_SIZE(netfilter_families); i++) {
		for (hook = 0; hook < NETFILTER_HOOKS; hook++) {
			scnprintf(number, sizeof(number), "hook %u", hook);
			netfilter_add(look,
				      ks_netfilter_of(net, netfilter_families[i].family, hook),
				      netfilter_families[i].name, "",
				      netfilter_families[i].hooks[hook] ?: number);
		}
	}
}

void ks_inventory_netfilter(struct ks_inventory *inventory)
{
	struct netfilter_look look = { inventory };
	struct net_device *device;
	struct mutex *lock;	/* of who adds and removes hooks */
	struct net *net;

	if (!KS_NETFILTER_SHOWS) {
		ks_inventory_note(inventory, false, "this kernel has no netfilter");
		return;
	}
	lock = (void *)ks_symbol("nf_hook_mutex");
	if (lock)
		mutex_lock(lock);
	rcu_read_lock();
	for_each_net_rcu(net) {
		look.namespace = net->ns.inum;
		netfilter_families_of(&look, net);
		for_each_netdev_rcu(net, device) {
			netfilter_add(&look, ks_netfilter_ingress(device), "netdev", device->name,
				      "ingress");
			netfilter_add(&look, ks_netfilter_egress(device), "netdev", device->name,
				      "egress");
		}
	}
	rcu_read_unlock();
	if (lock)
		mutex_unlock(lock);
}
