/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session: what one open file of /dev/ksonde wants, and its rings.
 */
#ifndef KS_SESSION_H
#define KS_SESSION_H

#include <linux/bitmap.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <asm/local64.h>
#include "../engine/hook.h"
#include "../events/events.h"
#include "ring.h"

/* Bits of a mask of sessions: the most that the parameter sessions_max allows. */
#define KS_SESSIONS_MAX	32
/* The smallest ring that a session may ask for: holds the longest record. */
#define KS_RING_MIN	(64ULL << 10)

struct ks_about;
struct ks_limits;
struct ks_record;
struct ks_rules;
struct ks_session;

/* SET_PORT_SCAN, as hooks/port_scan.c reads it: in one word, so as a whole. */
union ks_port_scan {
	struct {
		u8 set;		/* KSONDE_PORT_SCAN_* */
		u8 ports;
		u8 hosts;
		u8 loopback;
		u32 window;	/* seconds */
	};
	u64 whole;
};

/* What was lost of one event for one reason and is not yet in the stream. */
struct ks_gap {
	local64_t count;
	u64 first_time;
	u64 last_time;
};

struct ks_tally {
	local64_t produced;
	local64_t delivered;
	local64_t dropped[KSONDE_DROP_REASONS];
};

/* A session's share of one CPU; written on that CPU. */
struct ks_session_cpu {
	struct ks_ring ring;
	struct ks_session *session;
	unsigned int cpu;
	bool kicked;		/* a wake-up is under way */
	bool urgent;		/* likewise, because of the watermark */
	/* By event: gaps to be told before the next record; withheld: in a second; due: at once. */
	DECLARE_BITMAP(gaps_pending, KS_EVENTS);
	DECLARE_BITMAP(withheld, KS_EVENTS);
	DECLARE_BITMAP(withheld_due, KS_EVENTS);
	u64 urgent_at;		/* where the reader was at the last of those */
	local64_t seq;
	local64_t filtered;
	local64_t lost_records;
	struct ks_tally tally[KS_EVENTS];
	struct ks_gap gaps[KS_EVENTS][KSONDE_DROP_REASONS];
	struct irq_work kick;
	struct hrtimer timer;
	struct irq_work tell;
	struct hrtimer tell_timer;
};

struct ks_session {
	u32 bit;			/* 1 << its place in the table */
	struct mutex lock;		/* all below but what probes use */
	u64 wanted;			/* a bit for each enum ks_event_index */
	struct ksonde_ring_setup setup;
	struct ksonde_filter filter;	/* skip_tgid is read by probes */
	u32 asked;			/* by probes, first: filter.flags, KS_FILTER_* */
	struct ks_rules __rcu *rules;
	struct ks_limits __rcu *limits;
	union ks_port_scan port_scan;
	u64 judged_since;		/* by what is set now; CLOCK_BOOTTIME, ns */
	bool started;
	bool has_rings;
	bool mapped;			/* read through mappings */
	bool read_used;			/* read by read(2) */
	u64 missed_seen[KS_HOOKS_MAX];	/* per hook: misses already in the stream */
	struct ks_session_cpu **cpus;	/* by CPU, NULL for impossible ones */
	wait_queue_head_t wait;
	ktime_t last_wake;
	atomic64_t wakeups;
};

#define KS_FILTER_RULES		0x80000000U	/* there are rules */
#define KS_FILTER_LIMITS	0x40000000U	/* there are limits */
#define KS_FILTER_CLOSELY	(KSONDE_FILTER_TREE | KS_FILTER_RULES | KS_FILTER_LIMITS)

/* Started sessions by place; probes read it with preemption off. */
extern struct ks_session __rcu *ks_sessions[KS_SESSIONS_MAX];

struct ks_session *ks_session_create(void);
void ks_session_destroy(struct ks_session *session);
unsigned int ks_session_count(void);
unsigned int ks_session_limit(void);
u64 ks_session_ring_max(void);

/* With session->lock held. */
int ks_session_start(struct ks_session *session);
void ks_session_stop(struct ks_session *session);
void ks_session_filter(struct ks_session *session, const struct ksonde_filter *filter);
/* Takes rules, NULL for none, and frees those before; may sleep. */
void ks_session_rules(struct ks_session *session, struct ks_rules *rules);
/* The same for limits. */
void ks_session_limits(struct ks_session *session, struct ks_limits *limits);
void ks_session_port_scan(struct ks_session *session, union ks_port_scan asked);

/* deliver.c: from a record to the rings, and to the reader's attention. */
void ks_deliver(const struct ks_record *record);
/*
 * What is looked at before a record is made, in one word: sessions, a bit each,
 * whose ring was found full; and whether the governor thins any hook.
 */
#define KS_UNUSUAL_THINNED	32
extern unsigned long ks_unusual;
/*
 * Of sessions those that may be written to: what cannot go into a full ring
 * anyhow is dropped, counted, and not built.
 */
u32 ks_deliver_cut(u32 sessions, u32 event);
/* Counts a record of event that could not be made. */
void ks_deliver_drop(struct ks_session *session, u32 event,
		     enum ksonde_drop_reason reason);
/* Counts what the mechanism of a hook of event could not deliver. */
void ks_deliver_missed(struct ks_session *session, u32 event, u64 count);
/* Puts LOST records for all gaps into the stream, as far as there is room; may sleep. */
void ks_deliver_gaps(struct ks_session *session);
bool ks_deliver_readable(struct ks_session *session);
void ks_session_cpu_init(struct ks_session_cpu *sc, struct ks_session *session,
			 unsigned int cpu);
void ks_session_cpu_quiesce(struct ks_session_cpu *sc);

/* state.c: the stream tells what the session records. */
enum ks_state_change {
	KS_STATE_STARTED = 1,
	KS_STATE_HOOK_ARMED = 2,
	KS_STATE_HOOK_DEGRADED = 3,
	KS_STATE_HOOK_UNAVAILABLE = 4,
	KS_STATE_FILTER = 5,
	KS_STATE_STOPPED = 6,
	KS_STATE_HOOK_THINNED = 7,
	KS_STATE_HOOK_DISARMED = 8,
	KS_STATE_HOOK_RESTORED = 9,
};

void ks_state_started(struct ks_session *session);
void ks_state_tell(struct ks_session *session, enum ks_state_change what);
/* To all sessions that want the event of a hook; it may have become unavailable.  May sleep. */
void ks_state_governed(const struct ks_hook *hook, enum ks_state_change what);

/* governor.c: what hooks cost is held under a budget while any session is started. */
void ks_governor_start(void);
void ks_governor_stop(void);
/* ns a second: of all hooks, and what they may take. */
void ks_governor_costs(u64 *all, u64 *budget);

/* filter.c: counts what is held back from a session; gives its bit. */
u32 ks_filter_count(u32 bit);
/*
 * Those of sessions, which follow trees or have rules or limits, that hold event
 * back; counted.  about: what rules may ask for, or NULL.
 */
u32 ks_filter_closely(u32 sessions, u32 event, const struct ks_about *about);
/* Of an event that nobody acts in: those of the sessions that want it. */
u32 ks_filter_nobody(u32 sessions, u32 event, const struct ks_about *about);

/* Of the sessions that want an event, those that want it of this task. */
static __always_inline u32 ks_filter(u32 sessions, u32 event, const struct ks_about *about)
{
	u32 left, bit, asked, out = 0, closely = 0;
	struct ks_session *session;

	for (left = sessions; left; left &= left - 1) {
		bit = left & -left;
		session = rcu_dereference_sched(ks_sessions[__ffs(left)]);
		if (unlikely(!session)) {
			out |= bit;
			continue;
		}
		asked = READ_ONCE(session->asked);
		if (asked & KSONDE_FILTER_SKIP_TGID &&
		    unlikely(READ_ONCE(session->filter.skip_tgid) == (u32)current->tgid))
			out |= ks_filter_count(bit);
		else if (unlikely(asked & KS_FILTER_CLOSELY))
			closely |= bit;
	}
	if (unlikely(closely))
		out |= ks_filter_closely(closely, event, about);
	return sessions & ~out;
}

#endif /* KS_SESSION_H */
