// SPDX-License-Identifier: GPL-2.0-only
/*
 * The governor: once a second it adds up what the hooks took, as far as they
 * are timed, and holds the sum under a budget.
 *
 * The worst hook is thinned first: of its records one of 2, 4, ... 64 is kept,
 * those that are left out are counted as lost.  When that is not enough its
 * probes are taken away; of a hook that keeps up what others need, all its
 * records are left out instead.  Each step is a SESSION_STATE record, and is
 * taken back when there is room again: not before 10 s, and twice that, four
 * times that, ... when it had to be taken again soon after.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include "../engine/hook.h"
#include "record.h"
#include "session.h"

/* Writable: it holds for all sessions, so it is for who may write there, not for a session. */
static unsigned int budget = 50000;
module_param(budget, uint, 0644);
MODULE_PARM_DESC(budget, "microseconds a second that all hooks together may take; 0: any");

/* Seconds in a row before something is done. */
#define KS_OVER		2
#define KS_QUIET	3
#define KS_KEEP_MAX	64
/* Seconds. */
#define KS_BACKOFF	10
#define KS_BACKOFF_MAX	640
#define KS_SOON		60

struct governed {
	u64 seen;		/* ns since load, when last looked */
	u64 degraded;		/* when: seconds since boot */
	u64 restored;
	u32 backoff;		/* seconds */
};

/* All is the work's own, but for the costs. */
static struct governed governed[KS_HOOKS_MAX];
static u64 looked;
static u64 all_cost;
static unsigned int over, quiet;

static void governor_look(struct work_struct *work);
static DECLARE_DELAYED_WORK(governor_work, governor_look);

void ks_governor_costs(u64 *all, u64 *may)
{
	*all = READ_ONCE(all_cost);
	*may = (u64)READ_ONCE(budget) * NSEC_PER_USEC;
}

static void measure(struct ks_hook *hook, u64 elapsed)
{
	struct governed *g = &governed[hook->index];
	u64 sum = ks_engine_cost(hook), took = sum - g->seen;

	g->seen = sum;
	WRITE_ONCE(hook->cost, div64_u64(took * 1000, max_t(u64, div_u64(elapsed, 1000000), 1)));
}

static void measure_all(void)
{
	u64 now = ktime_get_ns(), sum = 0;
	unsigned int i;

	for (i = 0; i < ks_engine_hooks(); i++) {
		measure(ks_hooks[i], now - looked);
		sum += ks_hooks[i]->cost;
		/* Whoever wants it next gets all of it. */
		if (!READ_ONCE(ks_hooks[i]->users))
			WRITE_ONCE(ks_hooks[i]->keep, 0);
	}
	looked = now;
	WRITE_ONCE(all_cost, sum);
}

static bool is_disarmed(const struct ks_hook *hook)
{
	return READ_ONCE(hook->state) == KSONDE_HOOK_DISARMED;
}

static bool is_degraded(const struct ks_hook *hook)
{
	return READ_ONCE(hook->users) && (hook->keep || is_disarmed(hook));
}

static struct ks_hook *worst_hook(void)
{
	struct ks_hook *hook, *worst = NULL;
	unsigned int i;

	for (i = 0; i < ks_engine_hooks(); i++) {
		hook = ks_hooks[i];
		/* Of what is armed for its upkeep alone there are no records to be saved. */
		if (hook->vital || hook->event == KS_EVENTS || !READ_ONCE(ks_wanted[hook->event]) ||
		    hook->keep == KS_KEEP_NONE || is_disarmed(hook))
			continue;
		if (!worst || hook->cost > worst->cost)
			worst = hook;
	}
	return worst;
}

/* Under the budget by a quarter, if what it takes is for its records; else the most. */
static u32 thinner(const struct ks_hook *hook, u64 may)
{
	u32 from = max(hook->keep, 1U), to = from;
	u64 excess = all_cost - may / 4 * 3;

	do {
		to *= 2;
	} while (to < KS_KEEP_MAX && hook->cost - div_u64(hook->cost * from, to) < excess);
	return to;
}

static void degrade(u64 may)
{
	u64 now = div_u64(ktime_get_ns(), NSEC_PER_SEC);
	enum ks_state_change what = KS_STATE_HOOK_THINNED;
	struct ks_hook *hook = worst_hook();
	struct governed *g;

	/* It would lose records, and nobody gain. */
	if (!hook || hook->cost < may / 16)
		return;
	g = &governed[hook->index];
	if (g->restored > g->degraded && now - g->restored < KS_SOON)
		g->backoff = min(2 * g->backoff, (u32)KS_BACKOFF_MAX);
	else if (!hook->keep)
		g->backoff = KS_BACKOFF;
	g->degraded = now;
	if (hook->keep < KS_KEEP_MAX) {
		WRITE_ONCE(hook->keep, thinner(hook, may));
	} else if (hook->always) {
		WRITE_ONCE(hook->keep, KS_KEEP_NONE);
	} else {
		if (!ks_engine_suspend(hook))
			return;
		what = KS_STATE_HOOK_DISARMED;
	}
	ks_state_governed(hook, what);
}

static void restore(struct ks_hook *hook, bool whole)
{
	if (hook->keep == KS_KEEP_NONE || is_disarmed(hook))
		WRITE_ONCE(hook->keep, KS_KEEP_MAX);
	else
		WRITE_ONCE(hook->keep, hook->keep > 2 ? hook->keep / 2 : 0);
	if (whole)
		WRITE_ONCE(hook->keep, 0);
	ks_engine_resume(hook);
	if (READ_ONCE(hook->state) == KSONDE_HOOK_UNAVAILABLE)
		WRITE_ONCE(hook->keep, 0);
	governed[hook->index].restored = div_u64(ktime_get_ns(), NSEC_PER_SEC);
	ks_state_governed(hook, KS_STATE_HOOK_RESTORED);
}

/* The cheapest one whose time has come; those that are disarmed last. */
static void restore_one(void)
{
	u64 now = div_u64(ktime_get_ns(), NSEC_PER_SEC);
	struct ks_hook *hook, *best = NULL;
	unsigned int i;

	for (i = 0; i < ks_engine_hooks(); i++) {
		hook = ks_hooks[i];
		if (!is_degraded(hook) || now - governed[i].degraded < governed[i].backoff)
			continue;
		if (!best || is_disarmed(best) > is_disarmed(hook) ||
		    (is_disarmed(best) == is_disarmed(hook) && hook->cost < best->cost))
			best = hook;
	}
	if (best)
		restore(best, false);
}

static void restore_all(void)
{
	unsigned int i;

	for (i = 0; i < ks_engine_hooks(); i++) {
		if (is_degraded(ks_hooks[i]))
			restore(ks_hooks[i], true);
	}
}

/* For probes, which look at hook->keep only then. */
static void tell_probes(void)
{
	bool thinned = false;
	unsigned int i;

	for (i = 0; i < ks_engine_hooks(); i++)
		thinned |= ks_hooks[i]->keep;
	if (thinned)
		set_bit(KS_UNUSUAL_THINNED, &ks_unusual);
	else
		clear_bit(KS_UNUSUAL_THINNED, &ks_unusual);
}

static void governor_look(struct work_struct *work)
{
	u64 all, may;

	measure_all();
	ks_governor_costs(&all, &may);
	over = may && all > may ? over + 1 : 0;
	/* Twice what it is now would fit, too. */
	quiet = all < may / 2 ? quiet + 1 : 0;
	if (!may) {
		restore_all();
	} else if (over >= KS_OVER) {
		degrade(may);
	} else if (quiet >= KS_QUIET) {
		restore_one();
		quiet = 0;
	}
	tell_probes();
	schedule_delayed_work(&governor_work, HZ);
}

/* Nobody else may start or stop it meanwhile. */
void ks_governor_start(void)
{
	unsigned int i;

	memset(governed, 0, sizeof(governed));
	for (i = 0; i < ks_engine_hooks(); i++)
		governed[i].seen = ks_engine_cost(ks_hooks[i]);
	looked = ktime_get_ns();
	over = 0;
	quiet = 0;
	schedule_delayed_work(&governor_work, HZ);
}

/* What was disarmed stays so, until the engine disarms all. */
void ks_governor_stop(void)
{
	unsigned int i;

	cancel_delayed_work_sync(&governor_work);
	for (i = 0; i < ks_engine_hooks(); i++) {
		WRITE_ONCE(ks_hooks[i]->keep, 0);
		WRITE_ONCE(ks_hooks[i]->cost, 0);
	}
	tell_probes();
	WRITE_ONCE(all_cost, 0);
}
