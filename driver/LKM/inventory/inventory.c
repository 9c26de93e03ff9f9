// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kinds of callbacks, one after the other, and whose each of them is.  A
 * scan looks at all of them for those that are nobody's.
 */
#include <linux/delay.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "../compat/mm.h"
#include "../compat/stdarg.h"
#include "../core/text.h"
#include "../engine/hook.h"
#include "../integrity/scan.h"
#include "inventory.h"

/* Between two looks. */
#define INVENTORY_PAUSE_MS	50

static const struct {
	const char *name;
	void (*look)(struct ks_inventory *inventory);
} inventory_kinds[] = {
	{ "kprobes", ks_inventory_kprobes },
	{ "ftrace", ks_inventory_ftrace },
	{ "tracepoints", ks_inventory_tracepoints },
	{ "netfilter", ks_inventory_netfilter },
	{ "notifiers", ks_inventory_notifiers },
	{ "binfmts", ks_inventory_binfmts },
	{ "bpf", ks_inventory_bpf },
	{ "events", ks_inventory_events },
};

static const char * const inventory_owned[] = {
	[KS_OWNED] = "known",
	[KS_OWNED_UNKNOWN] = "unknown",
	[KS_OWNED_BY_NOBODY] = "nobody",
};

struct ks_inventory_entry *ks_inventory_add(struct ks_inventory *inventory,
					    unsigned long function)
{
	struct ks_inventory_entry *entry = &inventory->spare;

	if (inventory->count < KS_INVENTORY_MAX)
		entry = &inventory->entries[inventory->count++];
	else
		inventory->lost++;
	memset(entry, 0, sizeof(*entry));
	entry->function = function;
	return entry;
}

void ks_inventory_note(struct ks_inventory *inventory, bool blind, const char *format, ...)
{
	size_t length = strlen(inventory->why);
	va_list args;

	inventory->blind |= blind;
	if (length)
		length += scnprintf(inventory->why + length, sizeof(inventory->why) - length, "; ");
	va_start(args, format);
	vscnprintf(inventory->why + length, sizeof(inventory->why) - length, format, args);
	va_end(args);
}

unsigned long ks_inventory_symbol(struct ks_inventory *inventory, const char *name, size_t size)
{
	unsigned long address = ks_symbol(name);

	if (address) {
		ks_owner_find(&inventory->owner, address);
		if (inventory->owner.size >= size)
			return address;
	}
	ks_inventory_note(inventory, true, "the kernel shows no symbol %s", name);
	return 0;
}

size_t ks_inventory_pointers(struct ks_inventory *inventory, const void *array)
{
	size_t count;

	ks_owner_find(&inventory->owner, (unsigned long)array);
	count = inventory->owner.size / sizeof(void *);
	return count ? rounddown_pow_of_two(count) : 0;
}

static struct ks_inventory *inventory_create(void)
{
	struct ks_inventory *inventory = kvzalloc(sizeof(*inventory), GFP_KERNEL);

	if (!inventory)
		return NULL;
	inventory->entries = kvcalloc(KS_INVENTORY_MAX, sizeof(*inventory->entries), GFP_KERNEL);
	if (!inventory->entries) {
		kvfree(inventory);
		return NULL;
	}
	ks_probed_init(&inventory->probed);
	/* Later it is asked for where nobody may sleep. */
	ks_owner_is_kernel(0);
	return inventory;
}

static void inventory_destroy(struct ks_inventory *inventory)
{
	kvfree(inventory->entries);
	kvfree(inventory);
}

/* What has no symbol of its own may still be known to be BPF's. */
static enum ks_owned inventory_first_judge(struct ks_inventory *inventory,
					   const struct ks_inventory_entry *entry)
{
	enum ks_owned owned;

	if (!entry->function)
		return KS_OWNED;
	owned = ks_probed_owned(&inventory->probed, &inventory->owner, entry->function);
	return owned == KS_OWNED_BY_NOBODY && entry->bpf ? KS_OWNED_UNKNOWN : owned;
}

static enum ks_owned inventory_judge(struct ks_inventory *inventory,
				     const struct ks_inventory_entry *entry)
{
	enum ks_owned owned = inventory_first_judge(inventory, entry);
	u32 i;

	for (i = 0; owned == KS_OWNED_BY_NOBODY && i < inventory->suspect_count; i++) {
		if (inventory->suspects[i] == entry->function)
			return owned;
	}
	return owned == KS_OWNED_BY_NOBODY ? KS_OWNED_UNKNOWN : owned;
}

static void inventory_look_once(struct ks_inventory *inventory, u32 kind)
{
	inventory->count = 0;
	inventory->lost = 0;
	inventory->blind = false;
	inventory->why[0] = '\0';
	inventory_kinds[kind].look(inventory);
	if (inventory->lost)
		ks_inventory_note(inventory, true, "%u more than there is room for",
				  inventory->lost);
}

/*
 * Who has called back may have gone, and its code with it, before its owner was
 * looked for: only who is nobody's at two looks is.
 */
static void inventory_look(struct ks_inventory *inventory, u32 kind)
{
	u32 i;

	inventory->suspect_count = 0;
	inventory_look_once(inventory, kind);
	for (i = 0; i < inventory->count; i++) {
		if (inventory->suspect_count < KS_INVENTORY_SUSPECTS &&
		    inventory_first_judge(inventory, &inventory->entries[i]) == KS_OWNED_BY_NOBODY)
			inventory->suspects[inventory->suspect_count++] =
				inventory->entries[i].function;
	}
	if (!inventory->suspect_count)
		return;
	msleep(INVENTORY_PAUSE_MS);
	inventory_look_once(inventory, kind);
}

static void inventory_write_entry(struct ks_text *text, struct ks_inventory *inventory,
				  const struct ks_inventory_entry *entry, bool addresses)
{
	enum ks_owned owned = inventory_judge(inventory, entry);
	u32 i;

	ks_text_add(text, " {\"name\":");
	ks_text_string(text, entry->name);
	ks_text_add(text, ",\"detail\":");
	ks_text_string(text, entry->detail);
	ks_text_add(text, ",\"at\":[");
	for (i = 0; i < KS_INVENTORY_PLACES && entry->at[i]; i++) {
		ks_text_add(text, "%s", i ? "," : "");
		ks_owner_write(text, &inventory->owner, entry->at[i], addresses);
	}
	ks_text_add(text, "],\"owner\":\"%s\",\"function\":", inventory_owned[owned]);
	if (entry->function)
		ks_owner_write(text, &inventory->owner, entry->function, addresses);
	else
		ks_text_add(text, "null");
	ks_text_add(text, "}");
}

int ks_inventory_write(struct ks_text *text, bool addresses, u32 part)
{
	struct ks_inventory *inventory;
	u32 i;

	if (part >= ARRAY_SIZE(inventory_kinds))
		return -ENOENT;
	inventory = inventory_create();
	if (!inventory)
		return -ENOMEM;
	inventory_look(inventory, part);
	ks_text_add(text, "\"part\":\"%s\",\"parts\":%zu,\n\"entries\":[\n",
		    inventory_kinds[part].name, ARRAY_SIZE(inventory_kinds));
	for (i = 0; i < inventory->count; i++) {
		ks_text_add(text, "%s", i ? ",\n" : "");
		inventory_write_entry(text, inventory, &inventory->entries[i], addresses);
	}
	ks_text_add(text, "],\n\"whole\":%s,\"why\":", inventory->blind ? "false" : "true");
	ks_text_string(text, inventory->why);
	inventory_destroy(inventory);
	return 0;
}

static void inventory_scan_entry(struct ks_scan *scan, struct ks_inventory *inventory,
				 const char *kind, const struct ks_inventory_entry *entry)
{
	const char *at = entry->name;

	if (!*at && entry->at[0]) {
		ks_owner_find(&inventory->owner, entry->at[0]);
		at = inventory->owner.symbol;
	}
	ks_scan_finding(scan, KS_FINDING_INVENTORY, "a callback is in memory that nobody owns",
			entry->function, "%s %s", kind, at);
}

void ks_scan_inventory(struct ks_scan *scan)
{
	struct ks_inventory *inventory = inventory_create();
	u32 kind, i;

	if (!inventory) {
		scan->why = "no memory";
		return;
	}
	for (kind = 0; kind < ARRAY_SIZE(inventory_kinds); kind++) {
		inventory_look(inventory, kind);
		scan->checked += inventory->count;
		if (inventory->blind)
			scan->why = "not all callbacks could be looked at, see the inventory";
		for (i = 0; i < inventory->count; i++) {
			if (inventory_judge(inventory, &inventory->entries[i]) ==
			    KS_OWNED_BY_NOBODY)
				inventory_scan_entry(scan, inventory, inventory_kinds[kind].name,
						     &inventory->entries[i]);
		}
	}
	inventory_destroy(inventory);
}
