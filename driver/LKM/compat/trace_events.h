/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/trace_events.h>
 * v4.17, 33ea4b24277b ("perf/core: Implement the 'perf_uprobe' PMU"): an
 * event of a uprobe can be told; before, it looks as any other.
 * CONFIG_PERF_EVENTS may be off.
 */
#ifndef KS_COMPAT_TRACE_EVENTS_H
#define KS_COMPAT_TRACE_EVENTS_H

#include <linux/trace_events.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 17, 0)
#define KS_TRACE_EVENT_UPROBE	TRACE_EVENT_FL_UPROBE
#else
#define KS_TRACE_EVENT_UPROBE	0
#endif

/* So many events of perf are made of it. */
static inline int ks_trace_event_perf(const struct trace_event_call *call)
{
#ifdef CONFIG_PERF_EVENTS
	return call->perf_refcount;
#else
	return 0;
#endif
}

#endif /* KS_COMPAT_TRACE_EVENTS_H */
