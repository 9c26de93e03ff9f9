// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task gets credentials that rise: one of its user or group ids becomes 0
 * while none was, or a capability set gets one that neither it nor the
 * permitted set had.  That includes what a new user namespace gives.
 */
#include <linux/cred.h>
#include <linux/user_namespace.h>
#include "../compat/capability.h"
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

#define gains(old, new, set) \
	(ks_cap_bits((new)->set) & \
	 ~(ks_cap_bits((old)->set) | ks_cap_bits((old)->cap_permitted)))

static bool rises(const struct cred *old, const struct cred *new)
{
	return gains(old, new, cap_permitted) || gains(old, new, cap_effective) ||
	       gains(old, new, cap_inheritable) || gains(old, new, cap_ambient) ||
	       (has_uid_0(new) && !has_uid_0(old)) || (has_gid_0(new) && !has_gid_0(old));
}

#define put_cred(e, when, cred) \
do { \
	(e)->when##_uid = __kuid_val((cred)->uid); \
	(e)->when##_euid = __kuid_val((cred)->euid); \
	(e)->when##_suid = __kuid_val((cred)->suid); \
	(e)->when##_fsuid = __kuid_val((cred)->fsuid); \
	(e)->when##_gid = __kgid_val((cred)->gid); \
	(e)->when##_egid = __kgid_val((cred)->egid); \
	(e)->when##_sgid = __kgid_val((cred)->sgid); \
	(e)->when##_fsgid = __kgid_val((cred)->fsgid); \
	(e)->when##_cap_inheritable = ks_cap_bits((cred)->cap_inheritable); \
	(e)->when##_cap_permitted = ks_cap_bits((cred)->cap_permitted); \
	(e)->when##_cap_effective = ks_cap_bits((cred)->cap_effective); \
	(e)->when##_cap_bounding = ks_cap_bits((cred)->cap_bset); \
	(e)->when##_cap_ambient = ks_cap_bits((cred)->cap_ambient); \
	(e)->when##_user_ns = (cred)->user_ns->ns.inum; \
} while (0)

static void commit(struct ks_hook *hook, const struct ks_call *call)
{
	const struct cred *new = (const struct cred *)call->arg[0];
	const struct cred *old = current_real_cred();
	struct ks_event_update_cred *e;
	struct ks_record *record;

	if (!ks_is_wanted(update_cred) || !rises(old, new))
		return;
	record = ks_record_begin(hook, update_cred);
	if (!record)
		return;
	e = ks_record_event(record, update_cred);
	put_cred(e, old, old);
	put_cred(e, new, new);
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
