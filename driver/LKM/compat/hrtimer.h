/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/hrtimer.h>
 * v6.13, 908a1d775422 ("hrtimers: Introduce hrtimer_setup() to replace
 * hrtimer_init()"); hrtimer_init() went in v6.15.
 */
#ifndef KS_COMPAT_HRTIMER_H
#define KS_COMPAT_HRTIMER_H

#include <linux/hrtimer.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define ks_hrtimer_setup(timer, fn, clock, mode) \
	hrtimer_setup(timer, fn, clock, mode)
#else
#define ks_hrtimer_setup(timer, fn, clock, mode) \
	do { \
		hrtimer_init(timer, clock, mode); \
		(timer)->function = (fn); \
	} while (0)
#endif

#endif /* KS_COMPAT_HRTIMER_H */
