/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/stdarg.h>
 * v5.15, c0891ac15f04 ("isystem: ship and use stdarg.h"): before, the
 * compiler's own.
 */
#ifndef KS_COMPAT_STDARG_H
#define KS_COMPAT_STDARG_H

/* sparse 0.6.4 does not know __has_include. */
#ifdef __CHECKER__
#include <linux/stdarg.h>
#elif __has_include(<linux/stdarg.h>)
#include <linux/stdarg.h>
#else
#include <stdarg.h>
#endif

#endif /* KS_COMPAT_STDARG_H */
