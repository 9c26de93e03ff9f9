/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules of a session: made once, never changed, replaced as a whole.
 */
#ifndef KS_RULES_H
#define KS_RULES_H

#include <linux/bitops.h>
#include <linux/types.h>
#include "../events/events.h"

struct ks_about;
struct ks_rules;

/* Events of which rules may ask the path that they are about, a bit each. */
#define KS_RULES_OF_PATHS \
	(BIT_ULL(KS_EV_file_created_closed) | KS_RULES_WATCHED)
/* Those that are recorded of what a rule includes by its path, and of nothing else. */
#define KS_RULES_WATCHED	(BIT_ULL(KS_EV_file_write) | BIT_ULL(KS_EV_file_read))

/* Likewise, the address. */
#define KS_RULES_OF_ADDRESSES \
	(BIT_ULL(KS_EV_accept) | BIT_ULL(KS_EV_bind) | BIT_ULL(KS_EV_connect) | \
	 BIT_ULL(KS_EV_dns_query) | BIT_ULL(KS_EV_port_scan))

/* What SET_RULES asks for; NULL for no rules, an ERR_PTR().  May sleep. */
struct ks_rules *ks_rules_make(const struct ksonde_rules *asked);
/* No probe may see them any more.  NULL is fine. */
void ks_rules_free(struct ks_rules *rules);
/* Records that a rule counted; -ENOENT.  rules may be NULL. */
int ks_rules_count(const struct ks_rules *rules, u32 index, u64 *records);

/* Events, a bit each, of which a rule includes paths.  rules may be NULL. */
u64 ks_rules_watch(const struct ks_rules *rules);

/* For a probe: an event (its index) is not to be recorded; counted.  about may be NULL. */
bool ks_rules_hold_back(const struct ks_rules *rules, u32 event, const struct ks_about *about);

#endif /* KS_RULES_H */
