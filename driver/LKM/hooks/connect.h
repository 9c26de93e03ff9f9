/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP connects that return before their outcome is known, and that outcome. */
#ifndef KS_HOOKS_CONNECT_H
#define KS_HOOKS_CONNECT_H

#include <linux/types.h>

struct ks_pending;
struct ks_record;
struct sock;

/* Field stage of a connect record. */
enum {
	KS_CONNECT_CALL = 1,
	KS_CONNECT_OUTCOME = 2,
};

/*
 * A call begins that may return early; one of the next two ends that.  false:
 * no room, or an earlier call on the socket is followed already.
 */
bool ks_outcome_expect(const struct sock *sk);
/* It has returned otherwise. */
void ks_outcome_forget(const struct sock *sk);
/*
 * It has returned early, and this is its record.  Not NULL: the outcome came
 * in between, and the caller has it recorded when that record is committed.
 */
struct ks_pending *ks_outcome_await(const struct sock *sk, const struct ks_record *record);
void ks_outcome_record(struct ks_pending *pending);
/* It has returned early, and there was no room for it. */
void ks_outcome_missed(void);

#endif /* KS_HOOKS_CONNECT_H */
