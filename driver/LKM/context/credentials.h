/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tasks may do, and the table of how they came by it: of each thread the
 * credentials that the kernel's own ways gave it, as far as they were seen.
 */
#ifndef KS_CREDENTIALS_H
#define KS_CREDENTIALS_H

#include <linux/types.h>

struct cred;
struct task_struct;

/* Without gaps: compared byte by byte. */
struct ks_credentials {
	u32 uid, euid, suid, fsuid;
	u32 gid, egid, sgid, fsgid;
	u64 cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
	u64 user_ns;
};

void ks_credentials_of(const struct cred *cred, struct ks_credentials *out);

/* Copies all but the namespace to the fields of an event, `when`_uid and so on. */
#define KS_PUT_CREDENTIALS(event, when, credentials) do {		\
	const struct ks_credentials *_c = (credentials);		\
	typeof(event) _e = (event);					\
									\
	_e->when##_uid = _c->uid;					\
	_e->when##_euid = _c->euid;					\
	_e->when##_suid = _c->suid;					\
	_e->when##_fsuid = _c->fsuid;					\
	_e->when##_gid = _c->gid;					\
	_e->when##_egid = _c->egid;					\
	_e->when##_sgid = _c->sgid;					\
	_e->when##_fsgid = _c->fsgid;					\
	_e->when##_cap_inheritable = _c->cap_inheritable;		\
	_e->when##_cap_permitted = _c->cap_permitted;			\
	_e->when##_cap_effective = _c->cap_effective;			\
	_e->when##_cap_bounding = _c->cap_bounding;			\
	_e->when##_cap_ambient = _c->cap_ambient;			\
} while (0)

/* How a thread came by its credentials; values of privilege_escalation's field. */
enum ks_way {
	KS_WAY_SEEN = 0,	/* it had them when it was looked at first */
	KS_WAY_FORK = 1,
	KS_WAY_COMMIT = 2,	/* commit_creds(): exec, setuid(2) and their kin */
	KS_WAY_UNEXPLAINED = 3,	/* reported */
};

/* The last that was known of a thread. */
struct ks_explained {
	struct ks_credentials credentials;
	u32 way;		/* enum ks_way */
	u64 time;		/* when, CLOCK_BOOTTIME ns */
	bool replaced;		/* another object stands in its place */
};

/* The table, and the threads there are; may sleep.  -ENOMEM. */
int ks_explained_create(void);
void ks_explained_fill(void);
/* No probe may run any more. */
void ks_explained_destroy(void);

/* For probes.  From now on a task has these; by one of the kernel's own ways. */
void ks_explained_set(const struct task_struct *task, const struct cred *cred, enum ks_way way);
/*
 * Whether current has others than it should, which is said once: what it has
 * is taken as known from then on.
 */
bool ks_explained_differ(struct ks_explained *last);
/* What was known until now may be old: others can have been given since, unseen. */
void ks_explained_doubt(void);
/* current ends. */
void ks_explained_forget(void);

#endif /* KS_CREDENTIALS_H */
