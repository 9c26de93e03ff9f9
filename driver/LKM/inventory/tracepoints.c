// SPDX-License-Identifier: GPL-2.0-only
/* Who is called by tracepoints, those of the kernel and those of modules. */
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include "../compat/tracepoint.h"
#include "../compat/uaccess.h"
#include "../engine/hook.h"
#include "inventory.h"

/* No tracepoint has so many probes. */
#define TRACEPOINTS_PROBES_MAX	256
/* Where the kernel's mutex is not known its probes may change meanwhile. */
#define TRACEPOINTS_TRIES	3

/* false: somebody has changed them meanwhile. */
static bool tracepoints_copy(struct ks_inventory *inventory, const struct tracepoint *tracepoint)
{
	const struct tracepoint_func *funcs = rcu_dereference_raw(tracepoint->funcs);
	struct ks_inventory_entry *entry;
	struct tracepoint_func probe;
	u32 i;

	for (i = 0; funcs && i < TRACEPOINTS_PROBES_MAX; i++) {
		if (copy_from_kernel_nofault(&probe, funcs + i, sizeof(probe)))
			return false;
		if (!probe.func)
			break;
		entry = ks_inventory_add(inventory, (unsigned long)probe.func);
		strscpy(entry->name, tracepoint->name, sizeof(entry->name));
		scnprintf(entry->detail, sizeof(entry->detail), "priority %d", probe.prio);
	}
	return funcs == rcu_dereference_raw(tracepoint->funcs);
}

static void tracepoints_add(struct tracepoint *tracepoint, void *data)
{
	struct ks_inventory *inventory = data;
	u32 count = inventory->count, lost = inventory->lost, tries;

	if (!tracepoint->funcs)
		return;
	rcu_read_lock();
	for (tries = 0; tries < TRACEPOINTS_TRIES; tries++) {
		if (tracepoints_copy(inventory, tracepoint))
			break;
		inventory->count = count;
		inventory->lost = lost;
	}
	rcu_read_unlock();
	if (tries == TRACEPOINTS_TRIES)
		ks_inventory_note(inventory, true, "%s changes all the time", tracepoint->name);
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
	struct mutex *lock = (void *)ks_symbol("tracepoints_mutex");

	if (lock)
		mutex_lock(lock);
	for_each_kernel_tracepoint(tracepoints_add, inventory);
	if (lock)
		mutex_unlock(lock);
	tracepoints_of_modules(inventory);
}
