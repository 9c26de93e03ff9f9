/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits of a session: made once, replaced as a whole.
 */
#ifndef KS_LIMITS_H
#define KS_LIMITS_H

#include <linux/atomic.h>
#include <linux/types.h>
#include "../uapi/ksonde.h"

struct ks_limits;

/* What SET_LIMITS asks for; NULL for no limits, an ERR_PTR().  May sleep. */
struct ks_limits *ks_limits_make(const struct ksonde_limits *asked);
/* No probe may see them any more.  NULL is fine. */
void ks_limits_free(struct ks_limits *limits);

/* For a probe: takes what one record is of a share of a second; false: nothing is left of it. */
bool ks_share_take(atomic64_t *whole, u64 step, u64 now);

/* For a probe: a record of an event (its index) of the current task is one too many. */
bool ks_limits_withhold(struct ks_limits *limits, u32 event);
/* The same of an event of no task: only what all together may have counts. */
bool ks_limits_withhold_all(struct ks_limits *limits, u32 event);

#endif /* KS_LIMITS_H */
