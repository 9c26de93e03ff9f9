/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/align.h>
 * v5.11: before, <linux/kernel.h> has what is in it.
 */
#ifndef KS_COMPAT_ALIGN_H
#define KS_COMPAT_ALIGN_H

#if __has_include(<linux/align.h>)
#include <linux/align.h>
#else
#include <linux/kernel.h>
#endif

#endif /* KS_COMPAT_ALIGN_H */
