// SPDX-License-Identifier: GPL-2.0-only
/*
 * How often hooks are hit, and what that takes; each CPU counts for itself.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include "hook.h"

void ks_hook_timed(struct ks_hook *hook, u64 ns)
{
	__this_cpu_add(hook->stats->timed_ns, ns);
	__this_cpu_add(hook->stats->cost_ns, min_t(u64, ns, KS_TIMED_MOST));
}

u64 ks_engine_cost(const struct ks_hook *hook)
{
	unsigned int cpu;
	u64 sum = 0;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(hook->stats, cpu)->cost_ns);
	return sum * KS_TIMED_EVERY;
}

void ks_hook_sum_stats(const struct ks_hook *hook, struct ksonde_hook_info *info)
{
	const struct ks_hook_stats *stats;
	unsigned int cpu;

	info->hits = 0;
	info->timed_hits = 0;
	info->timed_ns = 0;
	for_each_possible_cpu(cpu) {
		stats = per_cpu_ptr(hook->stats, cpu);
		info->hits += READ_ONCE(stats->hits);
		info->timed_hits += READ_ONCE(stats->timed_hits);
		info->timed_ns += READ_ONCE(stats->timed_ns);
	}
}
