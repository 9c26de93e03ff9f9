// SPDX-License-Identifier: GPL-2.0-only
/* v5.6 ("hrtimers: Prepare hrtimer_nanosleep() for time namespaces"). */
#include <linux/hrtimer.h>

static long (* __maybe_unused probe)(ktime_t rqtp, const enum hrtimer_mode mode,
				     const clockid_t clock) = hrtimer_nanosleep;
