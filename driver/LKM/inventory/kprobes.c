// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kprobes and kretprobes: the kernel's own hash table of them, under its own
 * mutex.  Where several are at one place the table has one that calls them.
 */
#include <linux/kprobes.h>
#include <linux/mutex.h>
#include "../engine/hook.h"
#include "inventory.h"

static void kprobes_state(struct ks_inventory_entry *entry, const struct kprobe *first,
			  const struct kprobe *probe, const char *kind)
{
	/* What is done to the code is known of the first one, else of each. */
	u32 flags = (first->flags & (KPROBE_FLAG_OPTIMIZED | KPROBE_FLAG_FTRACE)) | probe->flags;

	entry->at[0] = (unsigned long)probe->addr;
	scnprintf(entry->detail, sizeof(entry->detail), "%s%s%s%s%s", kind,
		  flags & KPROBE_FLAG_DISABLED ? " disabled" : "",
		  flags & KPROBE_FLAG_GONE ? " gone" : "",
		  flags & KPROBE_FLAG_OPTIMIZED ? " optimized" : "",
		  flags & KPROBE_FLAG_FTRACE ? " ftrace" : "");
}

static void kprobes_add(struct ks_inventory *inventory, const struct kprobe *first,
			struct kprobe *probe, unsigned long kretprobe)
{
	unsigned long functions[3] = { };
	const char *kind = "kprobe";
	struct kretprobe *returns;
	u32 i;

	if (kretprobe && (unsigned long)probe->pre_handler == kretprobe) {
		returns = container_of(probe, struct kretprobe, kp);
		functions[0] = (unsigned long)returns->handler;
		functions[1] = (unsigned long)returns->entry_handler;
		kind = "kretprobe";
	} else {
		functions[0] = (unsigned long)probe->pre_handler;
		functions[1] = (unsigned long)probe->post_handler;
	}
	/* One that calls nobody is a probe all the same. */
	if (!functions[0] && !functions[1])
		kprobes_state(ks_inventory_add(inventory, 0), first, probe, kind);
	for (i = 0; i < 2; i++) {
		if (functions[i])
			kprobes_state(ks_inventory_add(inventory, functions[i]), first, probe,
				      kind);
	}
}

void ks_inventory_kprobes(struct ks_inventory *inventory)
{
	unsigned long kretprobe = ks_symbol("pre_handler_kretprobe");
	struct mutex *lock = (void *)ks_inventory_symbol(inventory, "kprobe_mutex", sizeof(*lock));
	struct hlist_head *table = (void *)ks_inventory_symbol(inventory, "kprobe_table",
							       sizeof(*table));
	struct kprobe *first, *probe;
	size_t buckets, i;

	if (!lock || !table)
		return;
	buckets = ks_inventory_pointers(inventory, table);
	if (!kretprobe)
		ks_inventory_note(inventory, true, "kretprobes cannot be told from kprobes");
	mutex_lock(lock);
	for (i = 0; i < buckets; i++) {
		hlist_for_each_entry(first, &table[i], hlist) {
			if (list_empty(&first->list))
				kprobes_add(inventory, first, first, kretprobe);
			list_for_each_entry(probe, &first->list, list)
				kprobes_add(inventory, first, probe, kretprobe);
		}
	}
	mutex_unlock(lock);
}
