// SPDX-License-Identifier: GPL-2.0-only
/* Who is called by tracepoints, those of the kernel and those of modules. */
#include <linux/mutex.h>
#include "../compat/tracepoint.h"
#include "../engine/hook.h"
#include "inventory.h"

/* No tracepoint has so many probes. */
#define TRACEPOINTS_PROBES_MAX	256

static void tracepoints_add(struct tracepoint *tracepoint, void *data)
{
	const struct tracepoint_func *probe = rcu_dereference_raw(tracepoint->funcs);
	struct ks_inventory *inventory = data;
	struct ks_inventory_entry *entry;
	u32 i;

	for (i = 0; probe && probe->func && i < TRACEPOINTS_PROBES_MAX; i++, probe++) {
		entry = ks_inventory_add(inventory, (unsigned long)probe->func);
		strscpy(entry->name, tracepoint->name, sizeof(entry->name));
		scnprintf(entry->detail, sizeof(entry->detail), "priority %d", probe->prio);
	}
}

static void tracepoints_of_modules(struct ks_inventory *inventory)
{
	struct mutex *lock = (void *)ks_inventory_symbol(inventory, "tracepoint_module_list_mutex",
							 sizeof(*lock));
	struct list_head *modules = (void *)ks_inventory_symbol(inventory,
								"tracepoint_module_list",
								sizeof(*modules));
	struct mutex *probes = (void *)ks_symbol("tracepoints_mutex");

	if (!lock || !modules || !probes)
		return;
	/* In this order, as the kernel does. */
	mutex_lock(lock);
	mutex_lock(probes);
	ks_each_module_tracepoint(modules, tracepoints_add, inventory);
	mutex_unlock(probes);
	mutex_unlock(lock);
}

void ks_inventory_tracepoints(struct ks_inventory *inventory)
{
	/* Held by who adds and removes probes, not by who calls them. */
	struct mutex *lock = (void *)ks_inventory_symbol(inventory, "tracepoints_mutex",
							 sizeof(*lock));

	if (!lock)
		return;
	mutex_lock(lock);
	for_each_kernel_tracepoint(tracepoints_add, inventory);
	mutex_unlock(lock);
	tracepoints_of_modules(inventory);
}
