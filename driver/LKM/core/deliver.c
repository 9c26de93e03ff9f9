// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a record to a session's ring, and to its reader's attention.
 *
 * What does not fit is counted by event and reason, and noted as a gap, whose
 * LOST records come before the next record.  Those of what was withheld wait for
 * a second: others pass meanwhile, and each would bring one along.
 *
 * A probe never wakes anybody: it queues an irq_work, which wakes the reader
 * at once when the last time is long ago or much has gathered, and else
 * starts a timer for the rest of the latency bound.
 */
#include <linux/cpu.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include "../compat/hrtimer.h"
#include "../engine/hook.h"
#include "record.h"
#include "ring_put.h"
#include "schema.h"
#include "session.h"

unsigned long ks_unusual;

/* ---------------------------------------------------------------- gaps */

static bool gap_waits(enum ksonde_drop_reason reason)
{
	return reason == KSONDE_DROP_RATE_LIMIT || reason == KSONDE_DROP_GOVERNOR;
}

static void gap_note(struct ks_session_cpu *sc, u32 event,
		     enum ksonde_drop_reason reason, u64 count)
{
	struct ks_gap *gap = &sc->gaps[event][reason];
	u64 now = ktime_get_boot_fast_ns();

	if (!local64_read(&gap->count))
		WRITE_ONCE(gap->first_time, now);
	WRITE_ONCE(gap->last_time, now);
	local64_add(count, &gap->count);
	WRITE_ONCE(sc->ring.control->dropped, sc->ring.control->dropped + count);
	if (!gap_waits(reason)) {
		set_bit(event, sc->gaps_pending);
	} else {
		/* The first one of a second starts the timer. */
		if (bitmap_empty(sc->withheld, KS_EVENTS))
			irq_work_queue(&sc->tell);
		set_bit(event, sc->withheld);
	}
}

static int gap_put(struct ks_session_cpu *sc, u64 seq, u32 event, u32 reason)
{
	struct ks_gap *gap = &sc->gaps[event][reason];
	struct ks_event_lost lost = {
		.h.length = sizeof(lost),
		.h.event = KS_ID_lost,
		.h.cpu = sc->cpu,
		.h.hook = ~0U,
		.h.seq = seq,
		.lost_event = ks_event_ids[event],
		.reason = reason,
		.first_time = READ_ONCE(gap->first_time),
		.last_time = READ_ONCE(gap->last_time),
	};
	int err;

	lost.count = local64_xchg(&gap->count, 0);
	if (!lost.count)
		return 0;
	lost.h.time = ktime_get_boot_fast_ns();
	err = ks_ring_put(&sc->ring, &lost, sizeof(lost));
	if (err) {
		local64_add(lost.count, &gap->count);
		return err;
	}
	local64_inc(&sc->lost_records);
	return 0;
}

static int gaps_put_of(struct ks_session_cpu *sc, u64 seq, u32 event)
{
	bool due = test_and_clear_bit(event, sc->withheld_due);
	u32 reason;
	int err;

	clear_bit(event, sc->gaps_pending);
	for (reason = 0; reason < KSONDE_DROP_REASONS; reason++) {
		if (!local64_read(&sc->gaps[event][reason].count) || (gap_waits(reason) && !due))
			continue;
		err = gap_put(sc, seq, event, reason);
		if (err) {
			if (due)
				set_bit(event, sc->withheld_due);
			set_bit(event, sc->gaps_pending);
			return err;
		}
	}
	return 0;
}

static noinline int gaps_put_all(struct ks_session_cpu *sc, u64 seq)
{
	u32 event;
	int err;

	if (!ks_ring_fits(&sc->ring, sizeof(struct ks_event_lost)))
		return -ENOSPC;
	for_each_set_bit(event, sc->gaps_pending, KS_EVENTS) {
		err = gaps_put_of(sc, seq, event);
		if (err)
			return err;
	}
	clear_bit(__ffs(sc->session->bit), &ks_unusual);
	return 0;
}

/* What is withheld from here on waits anew. */
static void gaps_are_due(struct ks_session_cpu *sc)
{
	u32 event;

	for_each_set_bit(event, sc->withheld, KS_EVENTS) {
		clear_bit(event, sc->withheld);
		set_bit(event, sc->withheld_due);
		set_bit(event, sc->gaps_pending);
	}
}

static inline bool has_gaps(const struct ks_session_cpu *sc)
{
	return !bitmap_empty(sc->gaps_pending, KS_EVENTS);
}

/* 0 when the stream has no unsaid gap any more; seq is that of the record behind. */
static inline int gaps_put(struct ks_session_cpu *sc, u64 seq)
{
	return likely(!has_gaps(sc)) ? 0 : gaps_put_all(sc, seq);
}

/* ------------------------------------------------------------- wake-ups */

static void deliver_wake(struct ks_session_cpu *sc)
{
	struct ks_session *session = sc->session;

	WRITE_ONCE(sc->urgent, false);
	WRITE_ONCE(sc->kicked, false);
	WRITE_ONCE(session->last_wake, ktime_get());
	atomic64_inc(&session->wakeups);
	wake_up_interruptible(&session->wait);
}

static enum hrtimer_restart deliver_timeout(struct hrtimer *timer)
{
	deliver_wake(container_of(timer, struct ks_session_cpu, timer));
	return HRTIMER_NORESTART;
}

static void deliver_kick(struct irq_work *work)
{
	struct ks_session_cpu *sc = container_of(work, struct ks_session_cpu, kick);
	s64 latency = sc->session->setup.latency_ns;
	s64 waited = ktime_sub(ktime_get(), READ_ONCE(sc->session->last_wake));

	if (READ_ONCE(sc->urgent) || waited >= latency)
		deliver_wake(sc);
	else
		hrtimer_start(&sc->timer, ns_to_ktime(latency - waited),
			      HRTIMER_MODE_REL_PINNED);
}

static enum hrtimer_restart deliver_tell_timeout(struct hrtimer *timer)
{
	struct ks_session_cpu *sc = container_of(timer, struct ks_session_cpu, tell_timer);

	/* The next record puts them into the stream, or the reader when it polls. */
	gaps_are_due(sc);
	deliver_wake(sc);
	return HRTIMER_NORESTART;
}

static void deliver_tell(struct irq_work *work)
{
	struct ks_session_cpu *sc = container_of(work, struct ks_session_cpu, tell);

	hrtimer_start(&sc->tell_timer, ns_to_ktime(NSEC_PER_SEC), HRTIMER_MODE_REL_PINNED);
}

static void deliver_attention(struct ks_session_cpu *sc)
{
	u64 position;

	/* A flight recorder is read when it has been stopped. */
	if (sc->ring.overwrite)
		return;
	if (!READ_ONCE(sc->kicked)) {
		WRITE_ONCE(sc->kicked, true);
		irq_work_queue(&sc->kick);
	}
	if (sc->ring.published - sc->ring.position < sc->session->setup.watermark)
		return;
	/* Once for each time that the reader has moved: it may be stopped. */
	position = ks_ring_position(&sc->ring);
	if (sc->ring.published - position >= sc->session->setup.watermark &&
	    position != sc->urgent_at) {
		sc->urgent_at = position;
		WRITE_ONCE(sc->urgent, true);
		irq_work_queue(&sc->kick);
	}
}

/* ------------------------------------------------------------- delivery */

static void drop_count(struct ks_session_cpu *sc, u32 event,
		       enum ksonde_drop_reason reason, u64 count)
{
	local64_add(count, &sc->tally[event].produced);
	local64_add(count, &sc->tally[event].dropped[reason]);
	gap_note(sc, event, reason, count);
}

void ks_deliver_drop(struct ks_session *session, u32 event,
		     enum ksonde_drop_reason reason)
{
	struct ks_session_cpu *sc = session->cpus[smp_processor_id()];

	local64_inc(&sc->seq);
	drop_count(sc, event, reason, 1);
}

u32 ks_deliver_cut(u32 sessions, u32 event)
{
	u32 left, bit, out = 0;
	struct ks_session *session;
	struct ks_session_cpu *sc;

	for (left = sessions & (u32)READ_ONCE(ks_unusual); left; left &= left - 1) {
		bit = left & -left;
		session = rcu_dereference_sched(ks_sessions[__ffs(left)]);
		if (!session)
			continue;
		sc = session->cpus[smp_processor_id()];
		/* Before any record there must be one that tells of the gap. */
		if (!has_gaps(sc) || ks_ring_fits(&sc->ring, sizeof(struct ks_event_lost)))
			continue;
		ks_deliver_drop(session, event, KSONDE_DROP_FULL);
		out |= bit;
	}
	return sessions & ~out;
}

void ks_deliver_missed(struct ks_session *session, u32 event, u64 count)
{
	struct ks_session_cpu *sc;

	preempt_disable_notrace();
	sc = session->cpus[smp_processor_id()];
	local64_add(count, &sc->seq);
	drop_count(sc, event, KSONDE_DROP_MISSED, count);
	preempt_enable_notrace();
}

static __always_inline void deliver(struct ks_session_cpu *sc, const struct ks_record *record)
{
	struct ksonde_header *header = (void *)record->data;
	struct ks_tally *tally = &sc->tally[record->event];

	header->seq = local64_inc_return(&sc->seq) - 1;
	if (unlikely(gaps_put(sc, header->seq) ||
		     ks_ring_put_here(&sc->ring, header, header->length))) {
		drop_count(sc, record->event, KSONDE_DROP_FULL, 1);
		set_bit(__ffs(sc->session->bit), &ks_unusual);
		return;
	}
	local64_inc(&tally->produced);
	local64_inc(&tally->delivered);
	deliver_attention(sc);
}

void ks_deliver(const struct ks_record *record)
{
	struct ks_session *session;
	u32 left;

	for (left = record->sessions; left; left &= left - 1) {
		session = rcu_dereference_sched(ks_sessions[__ffs(left)]);
		if (likely(session))
			deliver(session->cpus[smp_processor_id()], record);
	}
}

void ks_ring_evicted(struct ks_ring *ring, const struct ksonde_header *header)
{
	struct ks_session_cpu *sc = container_of(ring, struct ks_session_cpu, ring);
	u32 event;

	/* They were not counted as delivered. */
	if (header->event == KS_ID_lost)
		return;
	for (event = 0; event < KS_EVENTS; event++) {
		if (ks_event_ids[event] == header->event) {
			local64_inc(&sc->tally[event].dropped[KSONDE_DROP_OVERWRITTEN]);
			return;
		}
	}
}

static void deliver_gaps_here(void *data)
{
	struct ks_session_cpu *sc = data;

	preempt_disable_notrace();
	gaps_put(sc, local64_read(&sc->seq));
	preempt_enable_notrace();
}

/* What kretprobes could not follow since the last time. */
static void gaps_of_mechanisms(struct ks_session *session)
{
	unsigned int i;
	u64 missed;

	if (!session->started)
		return;
	for (i = 0; i < ks_engine_hooks(); i++) {
		if (ks_hooks[i]->event == KS_EVENTS ||
		    !(session->wanted & BIT_ULL(ks_hooks[i]->event)))
			continue;
		missed = ks_engine_missed(ks_hooks[i]);
		if (missed != session->missed_seen[i])
			ks_deliver_missed(session, ks_hooks[i]->event,
					  missed - session->missed_seen[i]);
		session->missed_seen[i] = missed;
	}
}

void ks_deliver_gaps(struct ks_session *session)
{
	struct ks_session_cpu *sc;
	bool wake = false;
	unsigned int cpu;

	lockdep_assert_held(&session->lock);
	gaps_of_mechanisms(session);
	cpus_read_lock();
	for_each_possible_cpu(cpu) {
		sc = session->cpus[cpu];
		if (!has_gaps(sc))
			continue;
		/* On its own CPU, as all writers; a CPU that is off has none. */
		if (cpu_online(cpu))
			smp_call_function_single(cpu, deliver_gaps_here, sc, 1);
		else
			deliver_gaps_here(sc);
		wake |= ks_ring_unread(&sc->ring);
	}
	cpus_read_unlock();
	/* Not where the gaps are put: a wait queue's lock sleeps under PREEMPT_RT. */
	if (wake)
		wake_up_interruptible(&session->wait);
}

bool ks_deliver_readable(struct ks_session *session)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		if (ks_ring_unread(&session->cpus[cpu]->ring))
			return true;
	}
	return false;
}

void ks_session_cpu_init(struct ks_session_cpu *sc, struct ks_session *session,
			 unsigned int cpu)
{
	sc->session = session;
	sc->cpu = cpu;
	sc->urgent_at = ~0ULL;
	init_irq_work(&sc->kick, deliver_kick);
	ks_hrtimer_setup(&sc->timer, deliver_timeout, CLOCK_MONOTONIC,
			 HRTIMER_MODE_REL_PINNED);
	init_irq_work(&sc->tell, deliver_tell);
	ks_hrtimer_setup(&sc->tell_timer, deliver_tell_timeout, CLOCK_MONOTONIC,
			 HRTIMER_MODE_REL_PINNED);
}

/* No probe may use sc any more. */
void ks_session_cpu_quiesce(struct ks_session_cpu *sc)
{
	irq_work_sync(&sc->kick);
	hrtimer_cancel(&sc->timer);
	irq_work_sync(&sc->tell);
	hrtimer_cancel(&sc->tell_timer);
	/* Nothing is left unsaid at the end. */
	gaps_are_due(sc);
}
