/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/hrtimer.h>
 * v6.13, 908a1d775422 ("hrtimers: Introduce hrtimer_setup() to replace
 * hrtimer_init()"); hrtimer_init() went in v6.15.
 * v5.6, "hrtimers: Prepare hrtimer_nanosleep() for time namespaces": before,
 * hrtimer_nanosleep() had a pointer.
 */
#ifndef KS_COMPAT_HRTIMER_H
#define KS_COMPAT_HRTIMER_H

#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/version.h>

static inline void ks_hrtimer_setup(struct hrtimer *timer,
				    enum hrtimer_restart (*function)(struct hrtimer *),
				    clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, function, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#endif
}

/* From the first argument of hrtimer_nanosleep(), in ns. */
static inline u64 ks_nanosleep_time(unsigned long time)
{
#ifdef KS_HAVE_NANOSLEEP_KTIME
	return time;
#else
	return ktime_to_ns(timespec64_to_ktime(*(const struct timespec64 *)time));
#endif
}

#endif /* KS_COMPAT_HRTIMER_H */
