// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kprobes and uprobes that are events, for tracefs and for perf.  Those that
 * perf_event_open(2) makes for itself are in no list but that of kprobes; what
 * the kernel knows of uprobes is in structures that it keeps to itself.
 */
#include <linux/rwsem.h>
#include "../compat/trace_events.h"
#include "../engine/hook.h"
#include "inventory.h"

static void events_add(struct ks_inventory *inventory, struct trace_event_call *call)
{
	struct ks_inventory_entry *entry;

	if (!(call->flags & (TRACE_EVENT_FL_KPROBE | KS_TRACE_EVENT_UPROBE)))
		return;
	entry = ks_inventory_add(inventory, (unsigned long)call->class->reg);
	scnprintf(entry->name, sizeof(entry->name), "%s:%s", call->class->system,
		  trace_event_name(call));
	scnprintf(entry->detail, sizeof(entry->detail), "%s, %d of perf",
		  call->flags & TRACE_EVENT_FL_KPROBE ? "kprobe" : "uprobe",
		  ks_trace_event_perf(call));
}

void ks_inventory_events(struct ks_inventory *inventory)
{
	struct rw_semaphore *lock = (void *)ks_inventory_symbol(inventory, "trace_event_sem",
								sizeof(*lock));
	struct list_head *events = (void *)ks_inventory_symbol(inventory, "ftrace_events",
							       sizeof(*events));
	struct trace_event_call *call;

	ks_inventory_note(inventory, false,
			  "those of perf_event_open(2) alone are among kprobes, its uprobes are not known");
	if (!lock || !events)
		return;
	down_read(lock);
	list_for_each_entry(call, events, list)
		events_add(inventory, call);
	up_read(lock);
}
