// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is called at the entry of functions: the list of ftrace's ops with their
 * filters, functions that are called directly, and the tracers of calls and
 * returns.
 */
#include <linux/mutex.h>
#include <linux/string.h>
#include "../compat/ftrace.h"
#include "../compat/uaccess.h"
#include "inventory.h"

/* More ops, and filters of more functions or buckets, are not followed. */
#define FTRACE_OPS_MAX		4096
#define FTRACE_HASH_MAX		65536
#define FTRACE_HASH_BITS_MAX	16

struct ftrace_filter {
	unsigned long count;		/* as the filter itself says */
	unsigned long seen;
	unsigned long at[KS_INVENTORY_PLACES];	/* the first ones */
	struct ks_inventory *direct;	/* of direct_functions: where its entries go */
};

static void ftrace_filter_add(struct ftrace_filter *filter, const struct ks_ftrace_entry *entry)
{
	struct ks_inventory_entry *direct;

	if (filter->seen < KS_INVENTORY_PLACES)
		filter->at[filter->seen] = entry->ip;
	filter->seen++;
	if (!filter->direct)
		return;
	direct = ks_inventory_add(filter->direct, entry->direct);
	direct->at[0] = entry->ip;
	strscpy(direct->name, "direct", sizeof(direct->name));
}

/* false: it does not look as it should, or is too large to be followed. */
static bool ftrace_filter_read(struct ftrace_filter *filter, unsigned long address)
{
	struct ks_ftrace_entry entry;
	struct hlist_head bucket;
	struct ks_ftrace_hash hash;
	size_t size = filter->direct ? sizeof(entry) : offsetof(struct ks_ftrace_entry, direct);
	unsigned long i;

	if (copy_from_kernel_nofault(&hash, (void *)address, sizeof(hash)))
		return false;
	filter->count = hash.count;
	if (!hash.count)
		return true;
	if (hash.size_bits > FTRACE_HASH_BITS_MAX || hash.count > FTRACE_HASH_MAX)
		return false;
	for (i = 0; i < 1UL << hash.size_bits; i++) {
		if (copy_from_kernel_nofault(&bucket, &hash.buckets[i], sizeof(bucket)))
			return false;
		entry.hlist.next = bucket.first;
		while (entry.hlist.next) {
			if (filter->seen == hash.count ||
			    copy_from_kernel_nofault(&entry, entry.hlist.next, size))
				return false;
			ftrace_filter_add(filter, &entry);
		}
	}
	return filter->seen == hash.count;
}

static void ftrace_add(struct ks_inventory *inventory, const struct ftrace_ops *ops,
		       ftrace_func_t function, const char *name)
{
	struct ks_inventory_entry *entry = ks_inventory_add(inventory, (unsigned long)function);
	unsigned long address = ks_ftrace_filter(ops);
	struct ftrace_filter filter = { };
	char where[32] = "all functions";

	if (address && !ftrace_filter_read(&filter, address))
		strscpy(where, "a filter that is not read", sizeof(where));
	else if (filter.count)
		scnprintf(where, sizeof(where), "%lu functions", filter.count);
	if (filter.seen == filter.count)
		memcpy(entry->at, filter.at, sizeof(entry->at));
	strscpy(entry->name, name, sizeof(entry->name));
	scnprintf(entry->detail, sizeof(entry->detail), "%s%s%s%s%s%s", where,
		  ops->flags & FTRACE_OPS_FL_ENABLED ? "" : ", not enabled",
		  ops->flags & FTRACE_OPS_FL_SAVE_REGS ? ", registers" : "",
		  ops->flags & FTRACE_OPS_FL_IPMODIFY ? ", may redirect" : "",
		  ops->flags & KS_FTRACE_DIRECT ? ", direct" : "",
		  ops->flags & KS_FTRACE_PERMANENT ? ", permanent" : "");
}

/* Under ftrace_lock. */
static void ftrace_list(struct ks_inventory *inventory, struct ftrace_ops **list,
			const struct ftrace_ops *end)
{
	const struct ftrace_ops *ops = READ_ONCE(*list);
	u32 i;

	for (i = 0; ops && ops != end && i < FTRACE_OPS_MAX; i++) {
		ftrace_add(inventory, ops, ops->func, "ops");
		/* What is called by that when it is for chosen processes. */
		if (ops->saved_func && ops->saved_func != ops->func)
			ftrace_add(inventory, ops, ops->saved_func, "ops, of chosen processes");
		ops = (__force const struct ftrace_ops *)READ_ONCE(ops->next);
	}
}

static void ftrace_direct(struct ks_inventory *inventory, const unsigned long *direct)
{
	struct ftrace_filter filter = { .direct = inventory };

	rcu_read_lock();
	if (READ_ONCE(*direct) && !ftrace_filter_read(&filter, READ_ONCE(*direct)))
		ks_inventory_note(inventory, true, "what is called directly could not be read");
	rcu_read_unlock();
}

static void ftrace_graph_add(struct ks_inventory *inventory, const char *name,
			     unsigned long function)
{
	ks_owner_find(&inventory->owner, function);
	/* Where nobody is called, a stub is. */
	if (!function || strstr(inventory->owner.symbol, "stub"))
		return;
	strscpy(ks_inventory_add(inventory, function)->name, name, 64);
}

/* One tracer of calls and returns before v6.11 (518d6804a865), then an array of them. */
static void ftrace_graph(struct ks_inventory *inventory)
{
	unsigned long **array = (void *)ks_symbol("fgraph_array");
	unsigned long *entry = (void *)ks_symbol("ftrace_graph_entry");
	unsigned long *back = (void *)ks_symbol("ftrace_graph_return");
	unsigned long functions[2];
	size_t count, i;

	if (!array) {
		if (entry && back) {
			ftrace_graph_add(inventory, "graph, calls", READ_ONCE(*entry));
			ftrace_graph_add(inventory, "graph, returns", READ_ONCE(*back));
		}
		return;
	}
	count = ks_inventory_pointers(inventory, array);
	for (i = 0; i < count; i++) {
		if (copy_from_kernel_nofault(functions, READ_ONCE(array[i]), sizeof(functions)))
			continue;
		ftrace_graph_add(inventory, "graph, calls", functions[0]);
		ftrace_graph_add(inventory, "graph, returns", functions[1]);
	}
}

void ks_inventory_ftrace(struct ks_inventory *inventory)
{
	struct mutex *lock = (void *)ks_inventory_symbol(inventory, "ftrace_lock", sizeof(*lock));
	unsigned long list = ks_inventory_symbol(inventory, "ftrace_ops_list", sizeof(list));
	unsigned long end = ks_inventory_symbol(inventory, "ftrace_list_end",
						sizeof(struct ftrace_ops));
	/* Not there in kernels in which nobody is. */
	const unsigned long *direct = (void *)ks_symbol("direct_functions");

	if (!lock || !list || !end)
		return;
	mutex_lock(lock);
	ftrace_list(inventory, (void *)list, (void *)end);
	if (direct)
		ftrace_direct(inventory, direct);
	mutex_unlock(lock);
	ftrace_graph(inventory);
}
