// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chains of notifiers.  Each is read under what the kernel walks it with; a
 * block is copied, as what a chain leads to may be anything.
 */
#include <linux/notifier.h>
#include <linux/rcupdate.h>
#include <linux/rtnetlink.h>
#include "../compat/uaccess.h"
#include "../compat/usb.h"
#include "../engine/hook.h"
#include "inventory.h"

/* No chain is so long. */
#define NOTIFIERS_MAX	1024

enum notifiers_kind {
	NOTIFIERS_ATOMIC,
	NOTIFIERS_BLOCKING,
	NOTIFIERS_RTNL,		/* a raw one, under the RTNL */
	NOTIFIERS_USB,		/* a blocking one, of a module that may go */
};

static const struct {
	const char *name;
	enum notifiers_kind kind;
	bool optional;		/* not in all kernels */
} notifiers_chains[] = {
	{ "keyboard_notifier_list", NOTIFIERS_ATOMIC, true },
	{ "vt_notifier_list", NOTIFIERS_ATOMIC, true },
	{ "module_notify_list", NOTIFIERS_BLOCKING, false },
	{ "reboot_notifier_list", NOTIFIERS_BLOCKING, false },
	{ "restart_handler_list", NOTIFIERS_ATOMIC, false },
	{ "panic_notifier_list", NOTIFIERS_ATOMIC, false },
	{ "die_chain", NOTIFIERS_ATOMIC, false },
	{ "oom_notify_list", NOTIFIERS_BLOCKING, true },
	{ "pm_chain_head", NOTIFIERS_BLOCKING, true },
	{ "x86_mce_decoder_chain", NOTIFIERS_BLOCKING, true },
	{ "crypto_chain", NOTIFIERS_BLOCKING, true },
	{ "netdev_chain", NOTIFIERS_RTNL, true },
	{ "netevent_notif_chain", NOTIFIERS_ATOMIC, true },
	{ "inetaddr_chain", NOTIFIERS_BLOCKING, true },
	{ "inetaddr_validator_chain", NOTIFIERS_BLOCKING, true },
	{ "inet6addr_chain", NOTIFIERS_ATOMIC, true },
	{ "inet6addr_validator_chain", NOTIFIERS_BLOCKING, true },
	{ "usb_notifier_list", NOTIFIERS_USB, true },
};

static void notifiers_walk(struct ks_inventory *inventory, const char *chain,
			   struct notifier_block __rcu *head)
{
	unsigned long at = (__force unsigned long)head;
	struct ks_inventory_entry *entry;
	struct notifier_block block;
	u32 i;

	for (i = 0; at && i < NOTIFIERS_MAX; i++) {
		if (copy_from_kernel_nofault(&block, (void *)at, sizeof(block)))
			break;
		entry = ks_inventory_add(inventory, (unsigned long)block.notifier_call);
		strscpy(entry->name, chain, sizeof(entry->name));
		scnprintf(entry->detail, sizeof(entry->detail), "priority %d", block.priority);
		at = (__force unsigned long)block.next;
	}
	if (at)
		ks_inventory_note(inventory, true, "%s cannot be followed to its end", chain);
}

static void notifiers_atomic(struct ks_inventory *inventory, const char *name, unsigned long at)
{
	struct atomic_notifier_head *chain = (void *)at;

	rcu_read_lock();
	notifiers_walk(inventory, name, READ_ONCE(chain->head));
	rcu_read_unlock();
}

static void notifiers_blocking(struct ks_inventory *inventory, const char *name, unsigned long at)
{
	struct blocking_notifier_head *chain = (void *)at;

	down_read(&chain->rwsem);
	notifiers_walk(inventory, name, chain->head);
	up_read(&chain->rwsem);
}

static void notifiers_rtnl(struct ks_inventory *inventory, const char *name, unsigned long at)
{
	struct raw_notifier_head *chain = (void *)at;

	rtnl_lock();
	notifiers_walk(inventory, name, chain->head);
	rtnl_unlock();
}

/* The module that has the chain stays meanwhile, or the chain is not there. */
static void notifiers_usb(struct ks_inventory *inventory, const char *name)
{
	unsigned long at;

	if (!ks_usb_hold())
		return;
	at = ks_symbol(name);
	if (at)
		notifiers_blocking(inventory, name, at);
	else
		ks_inventory_note(inventory, true, "the kernel shows no symbol %s", name);
	ks_usb_drop();
}

void ks_inventory_notifiers(struct ks_inventory *inventory)
{
	const char *name;
	unsigned long at;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(notifiers_chains); i++) {
		name = notifiers_chains[i].name;
		if (notifiers_chains[i].kind == NOTIFIERS_USB) {
			notifiers_usb(inventory, name);
			continue;
		}
		at = notifiers_chains[i].optional ? ks_symbol(name) :
		     ks_inventory_symbol(inventory, name, sizeof(struct raw_notifier_head));
		if (!at)
			continue;
		if (notifiers_chains[i].kind == NOTIFIERS_ATOMIC)
			notifiers_atomic(inventory, name, at);
		else if (notifiers_chains[i].kind == NOTIFIERS_BLOCKING)
			notifiers_blocking(inventory, name, at);
		else
			notifiers_rtnl(inventory, name, at);
	}
}
