/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules of a session: made once, never changed, replaced as a whole.
 */
#ifndef KS_RULES_H
#define KS_RULES_H

#include <linux/types.h>
#include "../uapi/ksonde.h"

struct ks_rules;

/* What SET_RULES asks for; NULL for no rules, an ERR_PTR().  May sleep. */
struct ks_rules *ks_rules_make(const struct ksonde_rules *asked);
/* No probe may see them any more.  NULL is fine. */
void ks_rules_free(struct ks_rules *rules);
/* Records that a rule counted; -ENOENT.  rules may be NULL. */
int ks_rules_count(const struct ks_rules *rules, u32 index, u64 *records);

/* For a probe: an event (its index) of the current task is not to be recorded; counted. */
bool ks_rules_hold_back(const struct ks_rules *rules, u32 event);

#endif /* KS_RULES_H */
