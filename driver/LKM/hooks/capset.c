// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread changes its capability sets, upwards or downwards.  The sets are
 * those of its credentials before and after, not what it asked for.
 */
#include <linux/cred.h>
#include "../compat/capability.h"
#include "../core/record.h"
#include "../engine/hook.h"

struct sets {
	u64 effective;
	u64 permitted;
	u64 inheritable;
};

static bool enter(struct ks_hook *hook, const struct ks_syscall *call, void *data)
{
	const struct cred *cred = current_cred();
	struct sets *old = data;

	if (!ks_is_wanted(capset))
		return false;
	old->effective = ks_cap_bits(cred->cap_effective);
	old->permitted = ks_cap_bits(cred->cap_permitted);
	old->inheritable = ks_cap_bits(cred->cap_inheritable);
	return true;
}

static void put_old(struct ks_record *record, struct ks_event_capset *e, const struct sets *old)
{
	if (!old) {
		ks_absent(record, capset, old_cap_effective);
		ks_absent(record, capset, old_cap_permitted);
		ks_absent(record, capset, old_cap_inheritable);
		return;
	}
	e->old_cap_effective = old->effective;
	e->old_cap_permitted = old->permitted;
	e->old_cap_inheritable = old->inheritable;
}

static void put_new(struct ks_record *record, struct ks_event_capset *e)
{
	const struct cred *cred = current_cred();

	if (e->result) {
		ks_absent(record, capset, new_cap_effective);
		ks_absent(record, capset, new_cap_permitted);
		ks_absent(record, capset, new_cap_inheritable);
		return;
	}
	e->new_cap_effective = ks_cap_bits(cred->cap_effective);
	e->new_cap_permitted = ks_cap_bits(cred->cap_permitted);
	e->new_cap_inheritable = ks_cap_bits(cred->cap_inheritable);
}

static void leave(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	struct ks_event_capset *e;
	struct ks_record *record;

	if (!ks_is_wanted(capset))
		return;
	record = ks_record_begin(hook, capset);
	if (!record)
		return;
	e = ks_record_event(record, capset);
	e->result = call->ret;
	put_old(record, e, data);
	put_new(record, e);
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_SYSCALL_FROM("capset", enter, leave, sizeof(struct sets)),
	KS_SYS_EXIT("capset", leave),
	{}
};

struct ks_hook ks_hook_capset = {
	.name = "capset",
	.event = KS_EV_capset,
	.points = points,
};
