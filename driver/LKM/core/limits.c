// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of a session: SET_LIMITS as probes read it.
 *
 * A share is one number: when it will be whole again.  Each record moves that
 * by the time in which one more may come, and no further than a second ahead.
 * So it is taken by a compare-and-exchange, in whatever context.
 */
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include "../compat/uaccess.h"
#include "../events/events.h"
#include "limits.h"
#include "schema.h"

/* Of processes: sets of places, a word each. */
#define KS_SET_BITS	6
#define KS_WAYS		4
#define KS_TRIES	8

/* A word: which process, and when its share is whole (units of 512 ns, modulo). */
#define KS_UNIT_SHIFT	9
#define KS_WHEN_BITS	42
#define KS_WHEN_MASK	(BIT_ULL(KS_WHEN_BITS) - 1)
#define KS_TGID_BITS	22	/* PID_MAX_LIMIT */
#define KS_SECOND	(NSEC_PER_SEC >> KS_UNIT_SHIFT)

struct ks_limits {
	/* ns, and units, in which one record may come; 0: no limit */
	u64 step[KS_EVENTS];
	u64 process_step[KS_EVENTS];
	atomic64_t whole[KS_EVENTS];
	atomic64_t place[1 << KS_SET_BITS][KS_WAYS];
};

bool ks_share_take(atomic64_t *whole, u64 step, u64 now)
{
	u64 old = atomic64_read(whole), seen, next;

	for (;;) {
		next = max(old, now) + step;
		if (next > now + NSEC_PER_SEC)
			return false;
		seen = atomic64_cmpxchg(whole, old, next);
		if (seen == old)
			return true;
		old = seen;
	}
}

/* Units until it is whole; what is further ahead than can be is past. */
static u64 word_ahead(u64 word, u64 now)
{
	u64 ahead = (word - now) & KS_WHEN_MASK;

	return ahead > KS_SECOND ? 0 : ahead;
}

/* The place of who, else the one that has the least to forget. */
static atomic64_t *set_find(atomic64_t *set, u64 who, u64 now, u64 *word, u64 *ahead)
{
	atomic64_t *found = NULL;
	u64 one, left;
	int way;

	for (way = 0; way < KS_WAYS; way++) {
		one = atomic64_read(&set[way]);
		left = word_ahead(one, now);
		if (one >> KS_WHEN_BITS == who) {
			*word = one;
			*ahead = left;
			return &set[way];
		}
		if (!found || left < *ahead) {
			found = &set[way];
			*word = one;
			*ahead = left;
		}
	}
	*ahead = 0;
	return found;
}

static bool process_take(struct ks_limits *limits, u32 event, u64 now)
{
	u64 step = limits->process_step[event], word = 0, ahead = 0, next, who;
	u32 mixed = (event << KS_TGID_BITS | (u32)current->tgid) * 0x9e3779b1U;
	atomic64_t *set, *place;
	int tries;

	BUILD_BUG_ON(KS_EVENTS > 1 << KS_SET_BITS);
	BUILD_BUG_ON(KS_TGID_BITS + KS_WHEN_BITS != 64);
	BUILD_BUG_ON((KS_WAYS << KS_SET_BITS) != KSONDE_LIMIT_PROCESSES);
	/* An odd factor loses nothing: the set and the rest of the bits tell event and process. */
	set = limits->place[mixed >> KS_TGID_BITS & ((1 << KS_SET_BITS) - 1)];
	who = mixed & ((1U << KS_TGID_BITS) - 1);
	now >>= KS_UNIT_SHIFT;
	for (tries = 0; tries < KS_TRIES; tries++) {
		place = set_find(set, who, now, &word, &ahead);
		if (ahead + step > KS_SECOND)
			return false;
		next = who << KS_WHEN_BITS | ((now + ahead + step) & KS_WHEN_MASK);
		if (atomic64_cmpxchg(place, word, next) == word)
			return true;
	}
	/* Others are always faster: in doubt it is recorded. */
	return true;
}

bool ks_limits_withhold(struct ks_limits *limits, u32 event)
{
	u64 now;

	if (!limits->step[event] && !limits->process_step[event])
		return false;
	now = ktime_get_boot_fast_ns();
	/* The process first: what is withheld of it takes nothing from the others. */
	if (limits->process_step[event] && !process_take(limits, event, now))
		return true;
	return limits->step[event] &&
	       !ks_share_take(&limits->whole[event], limits->step[event], now);
}

bool ks_limits_withhold_all(struct ks_limits *limits, u32 event)
{
	return limits->step[event] &&
	       !ks_share_take(&limits->whole[event], limits->step[event],
			      ktime_get_boot_fast_ns());
}

static int limit_event(u32 id)
{
	int event;

	for (event = 0; event < KS_EVENTS; event++) {
		if (ks_event_ids[event] == id)
			break;
	}
	if (event == KS_EVENTS || event == KS_EV_lost || event == KS_EV_session_state)
		return -EINVAL;
	return event;
}

static int limit_make(struct ks_limits *limits, const void __user *from, size_t size)
{
	struct ksonde_limit asked;
	int err = copy_struct_from_user(&asked, sizeof(asked), from, size);
	int event;

	if (err)
		return err;
	event = limit_event(asked.event);
	if (event < 0 || asked.reserved || (!asked.per_second && !asked.per_process) ||
	    asked.per_second > KSONDE_LIMIT_MAX || asked.per_process > KSONDE_LIMIT_MAX ||
	    limits->step[event] || limits->process_step[event])
		return -EINVAL;
	if (asked.per_second)
		limits->step[event] = NSEC_PER_SEC / asked.per_second;
	if (asked.per_process)
		limits->process_step[event] = KS_SECOND / asked.per_process;
	return 0;
}

struct ks_limits *ks_limits_make(const struct ksonde_limits *asked)
{
	struct ks_limits *limits;
	u32 i;
	int err;

	if (asked->reserved || asked->limit_size > PAGE_SIZE)
		return ERR_PTR(asked->reserved ? -EINVAL : -E2BIG);
	if (asked->count > KSONDE_LIMITS_MAX)
		return ERR_PTR(-E2BIG);
	if (!asked->count)
		return NULL;
	if (asked->limit_size < 2 * sizeof(u32))
		return ERR_PTR(-EINVAL);
	limits = kzalloc(sizeof(*limits), GFP_KERNEL_ACCOUNT);
	if (!limits)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < asked->count; i++) {
		err = limit_make(limits,
				 u64_to_user_ptr(asked->limits + (u64)i * asked->limit_size),
				 asked->limit_size);
		if (err) {
			ks_limits_free(limits);
			return ERR_PTR(err);
		}
	}
	return limits;
}

void ks_limits_free(struct ks_limits *limits)
{
	kfree(limits);
}
