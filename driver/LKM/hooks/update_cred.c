// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task gets credentials that rise: one of its user or group ids becomes 0
 * while none was, or a capability set gets one that neither it nor the
 * permitted set had.  That includes what a new user namespace gives.
 */
#include <linux/cred.h>
#include "../compat/capability.h"
#include "../context/credentials.h"
#include "../core/record.h"
#include "../engine/hook.h"

static bool has_uid_0(const struct cred *cred)
{
	return !__kuid_val(cred->uid) || !__kuid_val(cred->euid) ||
	       !__kuid_val(cred->suid) || !__kuid_val(cred->fsuid);
}

static bool has_gid_0(const struct cred *cred)
{
	return !__kgid_val(cred->gid) || !__kgid_val(cred->egid) ||
	       !__kgid_val(cred->sgid) || !__kgid_val(cred->fsgid);
}

static bool gains(kernel_cap_t old, kernel_cap_t permitted, kernel_cap_t new)
{
	return ks_cap_bits(new) & ~(ks_cap_bits(old) | ks_cap_bits(permitted));
}

static bool rises(const struct cred *old, const struct cred *new)
{
	kernel_cap_t permitted = old->cap_permitted;

	return gains(permitted, permitted, new->cap_permitted) ||
	       gains(old->cap_effective, permitted, new->cap_effective) ||
	       gains(old->cap_inheritable, permitted, new->cap_inheritable) ||
	       gains(old->cap_ambient, permitted, new->cap_ambient) ||
	       (has_uid_0(new) && !has_uid_0(old)) || (has_gid_0(new) && !has_gid_0(old));
}

static void commit(struct ks_hook *hook, const struct ks_call *call)
{
	const struct cred *new = (const struct cred *)call->arg[0];
	const struct cred *old = current_real_cred();
	struct ks_credentials before, after;
	struct ks_event_update_cred *e;
	struct ks_record *record;

	if (!ks_is_wanted(update_cred) || !rises(old, new))
		return;
	record = ks_record_begin(hook, update_cred);
	if (!record)
		return;
	e = ks_record_event(record, update_cred);
	ks_credentials_of(old, &before);
	ks_credentials_of(new, &after);
	KS_PUT_CREDENTIALS(e, old, &before);
	KS_PUT_CREDENTIALS(e, new, &after);
	e->old_user_ns = before.user_ns;
	e->new_user_ns = after.user_ns;
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_FTRACE("commit_creds", commit),
	KS_KPROBE("commit_creds", commit),
	{}
};

struct ks_hook ks_hook_update_cred = {
	.name = "update_cred",
	.event = KS_EV_update_cred,
	.points = points,
};
