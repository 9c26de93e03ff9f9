// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is asked to run a program.  Each exec walks this list, under a lock that
 * is held for as long as the list is: a few entries are copied.  That of ELF
 * must be among them, else it is another list of that name.
 */
#include <linux/binfmts.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "../compat/mm.h"
#include "../compat/uaccess.h"
#include "../engine/hook.h"
#include "inventory.h"

#define BINFMTS_MAX	64

struct binfmts_known {
	unsigned long at;
	struct linux_binfmt binfmt;
};

/* Returns how many there are; more than BINFMTS_MAX: the way along them does not end. */
static u32 binfmts_read(struct binfmts_known *known, const struct list_head *formats)
{
	const struct list_head *at = READ_ONCE(formats->next);
	u32 count = 0;

	for (; at != formats; at = known[count++].binfmt.lh.next) {
		if (count == BINFMTS_MAX)
			return count + 1;
		known[count].at = (unsigned long)container_of(at, struct linux_binfmt, lh);
		if (copy_from_kernel_nofault(&known[count].binfmt, (void *)known[count].at,
					     sizeof(known[count].binfmt)))
			return BINFMTS_MAX + 1;
	}
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
	struct list_head *formats = (void *)ks_inventory_symbol(inventory, "formats",
								sizeof(*formats));
	unsigned long elf = ks_inventory_symbol(inventory, "elf_format",
						sizeof(struct linux_binfmt));
	struct binfmts_known *known;
	bool is_it = false;
	u32 count, i;

	if (!lock || !formats || !elf)
		return;
	known = kvcalloc(BINFMTS_MAX, sizeof(*known), GFP_KERNEL);
	if (!known) {
		ks_inventory_note(inventory, true, "no memory");
		return;
	}
	read_lock(lock);
	count = binfmts_read(known, formats);
	read_unlock(lock);
	for (i = 0; count <= BINFMTS_MAX && i < count; i++)
		is_it |= known[i].at == elf;
	if (!is_it) {
		ks_inventory_note(inventory, true, "the list of formats is not where its symbol says");
		count = 0;
	}
	for (i = 0; i < count; i++) {
		ks_owner_find(&inventory->owner, known[i].at);
		binfmts_add(inventory, inventory->owner.symbol, &known[i].binfmt);
	}
	kvfree(known);
}
