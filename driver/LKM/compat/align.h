/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/align.h>
 * v5.11: before, <linux/kernel.h> has what is in it.
 */
#ifndef KS_COMPAT_ALIGN_H
#define KS_COMPAT_ALIGN_H

/* sparse 0.6.4 does not know __has_include. */
#ifdef __CHECKER__
#include <linux/align.h>
#elif __has_include(<linux/align.h>)
#include <linux/align.h>
#else
#include <linux/kernel.h>
#endif

#endif /* KS_COMPAT_ALIGN_H */
