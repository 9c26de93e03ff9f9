// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task goes to sleep by nanosleep(2) or clock_nanosleep(2), of whatever ABI:
 * here the time has been read and found to be one.  What CPU time or an alarm
 * is to end does not come here.
 */
#include <linux/math64.h>
#include "../compat/hrtimer.h"
#include "../core/record.h"
#include "../engine/hook.h"

static void sleep(struct ks_hook *hook, const struct ks_call *call)
{
	struct ks_event_nanosleep *e;
	struct ks_record *record;
	u32 rest;

	if (!ks_is_wanted(nanosleep))
		return;
	record = ks_record_begin(hook, nanosleep);
	if (!record)
		return;
	e = ks_record_event(record, nanosleep);
	e->clock = call->arg[2];
	e->absolute = (u32)call->arg[1] == HRTIMER_MODE_ABS;
	e->seconds = div_u64_rem(ks_nanosleep_time(call->arg[0]), NSEC_PER_SEC, &rest);
	e->nanoseconds = rest;
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_FTRACE("hrtimer_nanosleep", sleep),
	KS_KPROBE("hrtimer_nanosleep", sleep),
	{}
};

struct ks_hook ks_hook_nanosleep = {
	.name = "nanosleep",
	.event = KS_EV_nanosleep,
	.points = points,
};
