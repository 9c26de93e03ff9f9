// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is asked to run a program.  Each exec walks this list, under a lock that
 * is held for as long as the list is: a few entries are copied.  Its head has a
 * name that other lists have as well, so the way around begins at ELF.
 */
#include <linux/binfmts.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include "../compat/mm.h"
#include "../compat/uaccess.h"
#include "../engine/hook.h"
#include "inventory.h"

#define BINFMTS_MAX	64

struct binfmts_known {
	unsigned long node;
	struct linux_binfmt binfmt;	/* not of the head of the list */
};

/* Returns how many there are with the head; 0: the way around them does not end. */
static u32 binfmts_read(struct binfmts_known *known, const struct linux_binfmt *elf)
{
	const struct list_head *at = &elf->lh;
	u32 count = 0;

	do {
		if (count == BINFMTS_MAX)
			return 0;
		known[count].node = (unsigned long)at;
		if (copy_from_kernel_nofault(&known[count].binfmt,
					     container_of(at, struct linux_binfmt, lh),
					     sizeof(known[count].binfmt)))
			return 0;
		at = known[count++].binfmt.lh.next;
	} while (at != &elf->lh);
	return count;
}

static void binfmts_add(struct ks_inventory *inventory, const char *name,
			const struct linux_binfmt *binfmt)
{
	struct ks_inventory_entry *entry;

	entry = ks_inventory_add(inventory, (unsigned long)binfmt->load_binary);
	strscpy(entry->name, name, sizeof(entry->name));
	strscpy(entry->detail, "load_binary", sizeof(entry->detail));
}

void ks_inventory_binfmts(struct ks_inventory *inventory)
{
	rwlock_t *lock = (void *)ks_inventory_symbol(inventory, "binfmt_lock", sizeof(*lock));
	const struct linux_binfmt *elf = (void *)ks_inventory_symbol(inventory, "elf_format",
								     sizeof(*elf));
	struct binfmts_known *known;
	u32 count, heads = 0, i;

	if (!lock || !elf)
		return;
	known = kvcalloc(BINFMTS_MAX, sizeof(*known), GFP_KERNEL);
	if (!known) {
		ks_inventory_note(inventory, true, "no memory");
		return;
	}
	read_lock(lock);
	count = binfmts_read(known, elf);
	read_unlock(lock);
	for (i = 0; i < count; i++) {
		ks_owner_find(&inventory->owner, known[i].node);
		if (!strcmp(inventory->owner.symbol, "formats"))
			heads++;
		else
			binfmts_add(inventory, inventory->owner.symbol, &known[i].binfmt);
	}
	if (heads != 1)
		ks_inventory_note(inventory, true, "the list of formats is not as it should be");
	kvfree(known);
}
