// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls: extensible structures, size first.  Everything is copied once,
 * checked, and only then used.
 */
#include <linux/cpumask.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "../compat/uaccess.h"
#include "../context/context.h"
#include "../engine/hook.h"
#include "device.h"
#include "limits.h"
#include "rules.h"
#include "schema.h"
#include "session.h"

static char *ks_schema_text;
static size_t ks_schema_length;

int ks_ioctl_in(void *what, size_t size, void __user *argument)
{
	u32 user_size;

	if (get_user(user_size, (u32 __user *)argument))
		return -EFAULT;
	if (user_size < 2 * sizeof(u32))
		return -EINVAL;
	if (user_size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(what, size, argument, user_size);
}

int ks_ioctl_out(void __user *argument, const void *what, size_t size)
{
	u32 user_size = *(const u32 *)what;

	return copy_to_user(argument, what, min_t(size_t, size, user_size)) ? -EFAULT : 0;
}

static long ioctl_info(struct ks_session *session, void __user *argument)
{
	struct ksonde_info info;
	int err = ks_ioctl_in(&info, sizeof(info), argument);

	if (err)
		return err;
	info.abi = KSONDE_ABI;
	info.schema = KSONDE_SCHEMA;
	info.cpus = num_possible_cpus();
	info.page_size = PAGE_SIZE;
	info.sessions = ks_session_count();
	info.max_sessions = ks_session_limit();
	info.hooks = ks_engine_hooks();
	info.ring_min = KS_RING_MIN;
	info.ring_max = ks_session_ring_max();
	info.cache_bytes = ks_process_cache_bytes();
	info.cache_misses = ks_process_cache_misses();
	memset(info.version, 0, sizeof(info.version));
	strscpy((char *)info.version, KSONDE_VERSION, sizeof(info.version));
	return ks_ioctl_out(argument, &info, sizeof(info));
}

static long ioctl_schema(struct ks_session *session, void __user *argument)
{
	struct ksonde_schema schema;
	int err = ks_ioctl_in(&schema, sizeof(schema), argument);
	int full = 0;

	if (err)
		return err;
	if (schema.reserved)
		return -EINVAL;
	schema.needed = ks_schema_length;
	if (schema.length < ks_schema_length) {
		schema.length = 0;
		full = -ENOSPC;
	} else {
		schema.length = ks_schema_length;
		if (copy_to_user(u64_to_user_ptr(schema.buffer), ks_schema_text,
				 ks_schema_length))
			return -EFAULT;
	}
	err = ks_ioctl_out(argument, &schema, sizeof(schema));
	return err ?: full;
}

static long ioctl_hook(struct ks_session *session, void __user *argument)
{
	struct ksonde_hook_info *info;
	u32 size;
	int err;

	info = kzalloc(sizeof(*info), GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	err = ks_ioctl_in(info, sizeof(*info), argument);
	if (err)
		goto out_free;
	size = info->size;
	err = ks_engine_describe(info->index, info);
	info->size = size;
	if (!err)
		err = ks_ioctl_out(argument, info, sizeof(*info));
out_free:
	kfree(info);
	return err;
}

static int ioctl_event_index(u64 id)
{
	int event;

	for (event = 0; event < KS_EVENTS; event++) {
		if (ks_event_ids[event] == id)
			return event;
	}
	return -EINVAL;
}

static long ioctl_set_events(struct ks_session *session, void __user *argument)
{
	struct ksonde_events events;
	int err = ks_ioctl_in(&events, sizeof(events), argument);
	u64 wanted = 0;
	int event, id;

	if (err)
		return err;
	if (events.reserved)
		return -EINVAL;
	for (id = 0; id < KSONDE_EVENT_MAX; id++) {
		if (!(events.mask[id / 64] & BIT_ULL(id % 64)))
			continue;
		event = ioctl_event_index(id);
		if (event < 0)
			return event;
		wanted |= BIT_ULL(event);
	}
	if (session->started)
		return -EBUSY;
	session->wanted = wanted;
	return 0;
}

static bool ioctl_process_is(u32 tgid)
{
	bool is;

	rcu_read_lock();
	is = ks_process_find(tgid);
	rcu_read_unlock();
	return is;
}

static long ioctl_set_filter(struct ks_session *session, void __user *argument)
{
	struct ksonde_filter filter;
	int err = ks_ioctl_in(&filter, sizeof(filter), argument);

	if (err)
		return err;
	if (filter.flags & ~(KSONDE_FILTER_SKIP_TGID | KSONDE_FILTER_TREE))
		return -EINVAL;
	if (filter.flags & KSONDE_FILTER_TREE) {
		if (!ioctl_process_is(filter.tree_tgid))
			return -ESRCH;
		if (session->started) {
			ks_process_unfollow(session->bit);
			err = ks_process_follow(filter.tree_tgid, session->bit);
		}
	} else if (session->started) {
		ks_process_unfollow(session->bit);
	}
	if (!err)
		ks_session_filter(session, &filter);
	return err;
}

static long ioctl_set_rules(struct ks_session *session, void __user *argument)
{
	struct ksonde_rules asked;
	struct ks_rules *rules;
	int err = ks_ioctl_in(&asked, sizeof(asked), argument);

	if (err)
		return err;
	rules = ks_rules_make(&asked);
	if (IS_ERR(rules))
		return PTR_ERR(rules);
	ks_session_rules(session, rules);
	return 0;
}

static long ioctl_set_limits(struct ks_session *session, void __user *argument)
{
	struct ksonde_limits asked;
	struct ks_limits *limits;
	int err = ks_ioctl_in(&asked, sizeof(asked), argument);

	if (err)
		return err;
	limits = ks_limits_make(&asked);
	if (IS_ERR(limits))
		return PTR_ERR(limits);
	ks_session_limits(session, limits);
	return 0;
}

static long ioctl_rule_stats(struct ks_session *session, void __user *argument)
{
	struct ksonde_rule_stats stats;
	int err = ks_ioctl_in(&stats, sizeof(stats), argument);

	if (err)
		return err;
	err = ks_rules_count(rcu_dereference_protected(session->rules,
						       lockdep_is_held(&session->lock)),
			     stats.index, &stats.records);
	return err ? err : ks_ioctl_out(argument, &stats, sizeof(stats));
}

static long ioctl_set_ring(struct ks_session *session, void __user *argument)
{
	struct ksonde_ring_setup setup;
	int err = ks_ioctl_in(&setup, sizeof(setup), argument);

	if (err)
		return err;
	if (setup.mode > KSONDE_RING_FLIGHT_RECORDER || !is_power_of_2(setup.bytes) ||
	    setup.bytes < KS_RING_MIN || setup.bytes > ks_session_ring_max() ||
	    setup.watermark > setup.bytes || setup.latency_ns > NSEC_PER_SEC)
		return -EINVAL;
	if (session->started)
		return -EBUSY;
	session->setup = setup;
	if (!setup.watermark)
		session->setup.watermark = setup.bytes / 4;
	if (!setup.latency_ns)
		session->setup.latency_ns = 10 * NSEC_PER_MSEC;
	return 0;
}

static long ioctl_stats(struct ks_session *session, void __user *argument)
{
	struct ksonde_stats stats;
	struct ks_session_cpu *sc;
	unsigned int cpu, event, reason;
	u32 size;
	int err = ks_ioctl_in(&stats, sizeof(stats), argument);

	if (err)
		return err;
	size = stats.size;
	memset(&stats, 0, sizeof(stats));
	stats.size = size;
	stats.started = session->started;
	stats.wakeups = atomic64_read(&session->wakeups);
	for_each_possible_cpu(cpu) {
		if (!session->has_rings)
			break;
		sc = session->cpus[cpu];
		stats.filtered += local64_read(&sc->filtered);
		stats.lost_records += local64_read(&sc->lost_records);
		for (event = 0; event < KS_EVENTS; event++) {
			stats.produced += local64_read(&sc->tally[event].produced);
			stats.delivered += local64_read(&sc->tally[event].delivered);
			for (reason = 0; reason < KSONDE_DROP_REASONS; reason++)
				stats.dropped[reason] +=
					local64_read(&sc->tally[event].dropped[reason]);
		}
	}
	return ks_ioctl_out(argument, &stats, sizeof(stats));
}

static long ioctl_event_stats(struct ks_session *session, void __user *argument)
{
	struct ksonde_event_stats stats, in;
	struct ks_tally *tally;
	unsigned int cpu, reason;
	int err = ks_ioctl_in(&in, sizeof(in), argument);
	int event;

	if (err)
		return err;
	event = ioctl_event_index(in.event);
	if (event < 0)
		return event;
	memset(&stats, 0, sizeof(stats));
	stats.size = in.size;
	stats.event = in.event;
	for_each_possible_cpu(cpu) {
		if (!session->has_rings)
			break;
		tally = &session->cpus[cpu]->tally[event];
		stats.produced += local64_read(&tally->produced);
		stats.delivered += local64_read(&tally->delivered);
		for (reason = 0; reason < KSONDE_DROP_REASONS; reason++)
			stats.dropped[reason] += local64_read(&tally->dropped[reason]);
	}
	return ks_ioctl_out(argument, &stats, sizeof(stats));
}

static long ioctl_cpu_stats(struct ks_session *session, void __user *argument)
{
	struct ksonde_cpu_stats stats;
	struct ks_ring *ring;
	int err = ks_ioctl_in(&stats, sizeof(stats), argument);

	if (err)
		return err;
	if (stats.cpu >= nr_cpu_ids || !cpu_possible(stats.cpu))
		return -ENOENT;
	if (!session->has_rings)
		return -EINVAL;
	ring = &session->cpus[stats.cpu]->ring;
	stats.head = READ_ONCE(ring->published);
	stats.position = ks_ring_position(ring);
	stats.bytes = ring->bytes;
	stats.dropped = READ_ONCE(ring->control->dropped);
	return ks_ioctl_out(argument, &stats, sizeof(stats));
}

static long ioctl_start(struct ks_session *session, void __user *argument)
{
	return argument ? -EINVAL : ks_session_start(session);
}

static long ioctl_stop(struct ks_session *session, void __user *argument)
{
	if (argument || !session->started)
		return -EINVAL;
	ks_session_stop(session);
	return 0;
}

static long (* const ks_ioctls[])(struct ks_session *session, void __user *argument) = {
	[_IOC_NR(KSONDE_IOC_INFO)]		= ioctl_info,
	[_IOC_NR(KSONDE_IOC_SCHEMA)]		= ioctl_schema,
	[_IOC_NR(KSONDE_IOC_HOOK)]		= ioctl_hook,
	[_IOC_NR(KSONDE_IOC_SET_EVENTS)]	= ioctl_set_events,
	[_IOC_NR(KSONDE_IOC_SET_FILTER)]	= ioctl_set_filter,
	[_IOC_NR(KSONDE_IOC_SET_RING)]		= ioctl_set_ring,
	[_IOC_NR(KSONDE_IOC_START)]		= ioctl_start,
	[_IOC_NR(KSONDE_IOC_STOP)]		= ioctl_stop,
	[_IOC_NR(KSONDE_IOC_STATS)]		= ioctl_stats,
	[_IOC_NR(KSONDE_IOC_EVENT_STATS)]	= ioctl_event_stats,
	[_IOC_NR(KSONDE_IOC_CPU_STATS)]		= ioctl_cpu_stats,
	[_IOC_NR(KSONDE_IOC_SET_RULES)]		= ioctl_set_rules,
	[_IOC_NR(KSONDE_IOC_RULE_STATS)]	= ioctl_rule_stats,
	[_IOC_NR(KSONDE_IOC_SET_LIMITS)]	= ioctl_set_limits,
	[_IOC_NR(KSONDE_IOC_INSPECT)]		= ks_ioctl_inspect,
	[_IOC_NR(KSONDE_IOC_SET_PORT_SCAN)]	= ks_ioctl_port_scan,
};

long ks_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct ks_session *session = file->private_data;
	unsigned int number = _IOC_NR(command);
	long ret;

	if (number >= ARRAY_SIZE(ks_ioctls) || command != _IO(KSONDE_IOC_MAGIC, number))
		return -ENOTTY;
	if (mutex_lock_killable(&session->lock))
		return -EINTR;
	ret = ks_ioctls[number](session, (void __user *)argument);
	mutex_unlock(&session->lock);
	return ret;
}

int ks_ioctl_init(void)
{
	ks_schema_length = ks_schema_write(NULL, 0);
	if (WARN_ON_ONCE(!ks_schema_length))
		return -EINVAL;
	/* One more for the NUL that vsnprintf() wants to write. */
	ks_schema_text = kvmalloc(ks_schema_length + 1, GFP_KERNEL);
	if (!ks_schema_text)
		return -ENOMEM;
	ks_schema_write(ks_schema_text, ks_schema_length + 1);
	return 0;
}

void ks_ioctl_uninit(void)
{
	kvfree(ks_schema_text);
}
