// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions: places in a table, rings, start and stop.
 *
 * Lock order: session->lock, ks_active_lock, the engine's.  The governor's work,
 * which is waited for under the first two, takes the last one only.  Probes
 * take none: they see a session through ks_sessions[] with preemption off.
 */
#include <linux/cpumask.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include "../compat/rcupdate.h"
#include "../context/context.h"
#include "../engine/hook.h"
#include "limits.h"
#include "record.h"
#include "rules.h"
#include "session.h"

static unsigned int sessions_max = 8;
module_param(sessions_max, uint, 0444);
MODULE_PARM_DESC(sessions_max, "sessions that may be open at once, 1 to 32");

static unsigned long ring_max = 64UL << 20;
module_param(ring_max, ulong, 0444);
MODULE_PARM_DESC(ring_max, "bytes that a session may ask for a CPU's ring");

struct ks_session __rcu *ks_sessions[KS_SESSIONS_MAX];

static DEFINE_MUTEX(ks_places_lock);
static u32 ks_places;

static DEFINE_MUTEX(ks_active_lock);
static unsigned int ks_active;

unsigned int ks_session_count(void)
{
	return hweight32(READ_ONCE(ks_places));
}

unsigned int ks_session_limit(void)
{
	return clamp(sessions_max, 1U, (unsigned int)KS_SESSIONS_MAX);
}

u64 ks_session_ring_max(void)
{
	return rounddown_pow_of_two(clamp(ring_max, 64UL << 10, 1UL << 30));
}

static u32 session_take_place(void)
{
	u32 bit = 0;

	mutex_lock(&ks_places_lock);
	if (hweight32(ks_places) < ks_session_limit()) {
		bit = 1U << ffz(ks_places);
		ks_places |= bit;
	}
	mutex_unlock(&ks_places_lock);
	return bit;
}

static void session_give_place(u32 bit)
{
	mutex_lock(&ks_places_lock);
	ks_places &= ~bit;
	mutex_unlock(&ks_places_lock);
}

/* ERR_PTR(-EMFILE) when there are too many. */
struct ks_session *ks_session_create(void)
{
	struct ks_session *session;

	session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	if (!session)
		return ERR_PTR(-ENOMEM);
	session->bit = session_take_place();
	if (!session->bit) {
		kfree(session);
		return ERR_PTR(-EMFILE);
	}
	mutex_init(&session->lock);
	init_waitqueue_head(&session->wait);
	session->setup.bytes = min_t(u64, 4 << 20, ks_session_ring_max());
	session->setup.watermark = session->setup.bytes / 4;
	session->setup.latency_ns = 10 * NSEC_PER_MSEC;
	return session;
}

static void session_free_rings(struct ks_session *session)
{
	unsigned int cpu;

	if (!session->cpus)
		return;
	for_each_possible_cpu(cpu) {
		if (!session->cpus[cpu])
			continue;
		ks_ring_free(&session->cpus[cpu]->ring);
		kvfree(session->cpus[cpu]);
	}
	kfree(session->cpus);
	session->cpus = NULL;
	session->has_rings = false;
	session->mapped = false;
	session->read_used = false;
}

static int session_alloc_rings(struct ks_session *session)
{
	struct ks_session_cpu *sc;
	unsigned int cpu;
	int err;

	session->cpus = kcalloc(nr_cpu_ids, sizeof(*session->cpus), GFP_KERNEL_ACCOUNT);
	if (!session->cpus)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		sc = kvzalloc_node(sizeof(*sc), GFP_KERNEL_ACCOUNT, cpu_to_node(cpu));
		if (!sc)
			goto err_free_rings;
		session->cpus[cpu] = sc;
		ks_session_cpu_init(sc, session, cpu);
		err = ks_ring_alloc(&sc->ring, session->setup.bytes,
				    session->setup.mode == KSONDE_RING_FLIGHT_RECORDER);
		if (err)
			goto err_free_rings;
	}
	session->has_rings = true;
	return 0;

err_free_rings:
	session_free_rings(session);
	return -ENOMEM;
}

void ks_session_destroy(struct ks_session *session)
{
	mutex_lock(&session->lock);
	if (session->started)
		ks_session_stop(session);
	session_free_rings(session);
	ks_session_rules(session, NULL);
	ks_session_limits(session, NULL);
	mutex_unlock(&session->lock);
	session_give_place(session->bit);
	mutex_destroy(&session->lock);
	kfree(session);
}

static int session_activate(u64 wanted)
{
	int err;

	mutex_lock(&ks_active_lock);
	err = ks_active ? 0 : ks_record_start();
	if (err)
		goto out_unlock;
	/* The lifecycle is watched before the tasks there are get counted. */
	ks_engine_arm(wanted);
	err = ks_active ? 0 : ks_process_start();
	if (err) {
		ks_engine_disarm(wanted);
		ks_record_stop();
		goto out_unlock;
	}
	if (!ks_active++)
		ks_governor_start();
out_unlock:
	mutex_unlock(&ks_active_lock);
	return err;
}

static void session_deactivate(u64 wanted)
{
	mutex_lock(&ks_active_lock);
	if (ks_active == 1)
		ks_governor_stop();
	ks_engine_disarm(wanted);
	if (!--ks_active) {
		ks_process_stop();
		ks_record_stop();
	}
	mutex_unlock(&ks_active_lock);
}

/* Probes look for these events, a bit each, on behalf of the session. */
static void session_want(struct ks_session *session, u64 events)
{
	unsigned int event;

	mutex_lock(&ks_active_lock);
	for (event = 0; event < KS_EVENTS; event++)
		WRITE_ONCE(ks_wanted[event], events & BIT_ULL(event) ?
						     ks_wanted[event] | session->bit :
						     ks_wanted[event] & ~session->bit);
	ks_engine_wanted();
	mutex_unlock(&ks_active_lock);
}

/* What it wants, as far as rules do not have to ask for it. */
static u64 session_wants(const struct ks_session *session, const struct ks_rules *rules)
{
	return session->wanted & (~KS_RULES_WATCHED | ks_rules_watch(rules));
}

static struct ks_rules *session_rules(const struct ks_session *session)
{
	return rcu_dereference_protected(session->rules, lockdep_is_held(&session->lock));
}

static void session_publish(struct ks_session *session, struct ks_session *what)
{
	rcu_assign_pointer(ks_sessions[__ffs(session->bit)], what);
}

/* -EBUSY started already, -EINVAL nothing wanted, -ESRCH no tree to follow, -ENOMEM. */
int ks_session_start(struct ks_session *session)
{
	unsigned int i;
	int err;

	lockdep_assert_held(&session->lock);
	if (session->started)
		return -EBUSY;
	if (!session->wanted)
		return -EINVAL;
	session_free_rings(session);
	err = session_alloc_rings(session);
	if (err)
		return err;
	err = session_activate(session->wanted);
	if (err)
		goto err_free_rings;
	if (session->filter.flags & KSONDE_FILTER_TREE) {
		err = ks_process_follow(session->filter.tree_tgid, session->bit);
		if (err)
			goto err_deactivate;
	}
	for (i = 0; i < ks_engine_hooks(); i++)
		session->missed_seen[i] = ks_engine_missed(ks_hooks[i]);
	atomic64_set(&session->wakeups, 0);
	clear_bit(__ffs(session->bit), &ks_unusual);
	WRITE_ONCE(session->judged_since, ktime_get_boot_fast_ns());
	session_publish(session, session);
	session->started = true;
	ks_state_started(session);
	session_want(session, session_wants(session, session_rules(session)));
	return 0;

err_deactivate:
	session_deactivate(session->wanted);
err_free_rings:
	session_free_rings(session);
	return err;
}

void ks_session_stop(struct ks_session *session)
{
	unsigned int cpu;

	lockdep_assert_held(&session->lock);
	session_want(session, 0);
	ks_state_tell(session, KS_STATE_STOPPED);
	session_publish(session, NULL);
	/* Probes run with preemption off: none that saw the session is left. */
	ks_synchronize_probes();
	for_each_possible_cpu(cpu)
		ks_session_cpu_quiesce(session->cpus[cpu]);
	ks_deliver_gaps(session);
	ks_process_unfollow(session->bit);
	session_deactivate(session->wanted);
	session->started = false;
	wake_up_interruptible(&session->wait);
}

static void session_ask(struct ks_session *session)
{
	u32 asked = session->filter.flags;

	if (rcu_access_pointer(session->rules))
		asked |= KS_FILTER_RULES;
	if (rcu_access_pointer(session->limits))
		asked |= KS_FILTER_LIMITS;
	/* Paired with nothing: a probe that sees it late only filters late. */
	WRITE_ONCE(session->asked, asked);
}

/* The filter is valid. */
void ks_session_filter(struct ks_session *session, const struct ksonde_filter *filter)
{
	lockdep_assert_held(&session->lock);
	/* In this order there is nothing between: without the flag nobody compares. */
	WRITE_ONCE(session->filter.skip_tgid, filter->skip_tgid);
	session->filter.tree_tgid = filter->tree_tgid;
	session->filter.flags = filter->flags;
	session_ask(session);
	if (session->started)
		ks_state_tell(session, KS_STATE_FILTER);
}

/* Something was exchanged: nobody judges by the old ones any more. */
static void session_settle(struct ks_session *session)
{
	session_ask(session);
	if (session->started) {
		ks_synchronize_probes();
		WRITE_ONCE(session->judged_since, ktime_get_boot_fast_ns());
		ks_state_tell(session, KS_STATE_FILTER);
	}
}

void ks_session_rules(struct ks_session *session, struct ks_rules *rules)
{
	struct ks_rules *old;
	u64 wants;

	lockdep_assert_held(&session->lock);
	old = session_rules(session);
	if (!old && !rules)
		return;
	wants = session_wants(session, rules);
	if (session->started && session_wants(session, old) & ~wants) {
		/* What is not watched any more is not judged by rules that do not ask for it. */
		session_want(session, session_wants(session, old) & wants);
		ks_synchronize_probes();
	}
	/* A probe that is told of rules finds some, old or new, or none any more. */
	rcu_assign_pointer(session->rules, rules);
	session_settle(session);
	if (session->started)
		session_want(session, wants);
	ks_rules_free(old);
}

void ks_session_limits(struct ks_session *session, struct ks_limits *limits)
{
	struct ks_limits *old;

	lockdep_assert_held(&session->lock);
	old = rcu_dereference_protected(session->limits, lockdep_is_held(&session->lock));
	if (!old && !limits)
		return;
	rcu_assign_pointer(session->limits, limits);
	session_settle(session);
	ks_limits_free(old);
}

void ks_session_port_scan(struct ks_session *session, union ks_port_scan asked)
{
	lockdep_assert_held(&session->lock);
	WRITE_ONCE(session->port_scan.whole, asked.whole);
	session_settle(session);
}
