// SPDX-License-Identifier: GPL-2.0-only
/*
 * The context block of every record, and the ancestors: who did it.
 */
#include <linux/cred.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/tty.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>
#include "../compat/audit.h"
#include "../compat/capability.h"
#include "../compat/cgroup.h"
#include "../compat/mnt_namespace.h"
#include "../compat/rcupdate.h"
#include "../compat/sched.h"
#include "../compat/syscall.h"
#include "cache.h"
#include "context.h"
#include "words.h"

static void fill_process(struct ks_record *record, struct ks_context *c)
{
	const struct task_struct *parent;

	c->tid = current->pid;
	c->tgid = current->tgid;
	c->start_time = ks_process_start_time(current);
	parent = rcu_dereference_sched(current->real_parent);
	c->parent_tgid = parent->tgid;
	c->parent_start_time = ks_process_start_time(parent);
	c->pgid = pid_nr(task_pgrp(current));
	c->sid = pid_nr(task_session(current));
	c->pid_ns = ns_of_pid(task_pid(current))->ns.inum;
	ks_copy_comm(c->comm, current);
	c->cgroup = 0;
	if (!ks_current_cgroup(&c->cgroup))
		ks_absent_context(record, cgroup);
}

/*
 * The task's own credentials, not those it acts with for the moment, and as
 * the initial user namespace numbers them.
 */
static void fill_credentials(struct ks_record *record, struct ks_context *c)
{
	const struct cred *cred = current_real_cred();

	c->uid = __kuid_val(cred->uid);
	c->euid = __kuid_val(cred->euid);
	c->gid = __kgid_val(cred->gid);
	c->egid = __kgid_val(cred->egid);
	c->user_ns = cred->user_ns->ns.inum;
	c->cap_effective = ks_cap_bits(cred->cap_effective);
	c->loginuid = __kuid_val(audit_get_loginuid(current));
	if (!uid_valid(audit_get_loginuid(current)))
		ks_absent_context(record, loginuid);
	c->audit_session = audit_get_sessionid(current);
	if (c->audit_session == AUDIT_SID_UNSET)
		ks_absent_context(record, audit_session);
}

static void put_hostname(struct ks_record *record, struct ks_context *c, const char *name)
{
	size_t size = __NEW_UTS_LEN;
	char *room = ks_record_room(record, &size);

	if (!room || size < __NEW_UTS_LEN) {
		ks_absent_context(record, hostname);
		return;
	}
	ks_record_keep(record, &c->hostname, room, ks_words_text(room, name, __NEW_UTS_LEN));
}

static void put_exe(struct ks_record *record, struct ks_context *c)
{
	size_t size = KS_EXE_MAX;
	char *room = ks_record_room(record, &size);
	int length;

	if (!room || size < KS_EXE_MAX) {
		ks_absent_context(record, exe);
		return;
	}
	length = ks_cache_read(c->tgid, c->start_time, room, NULL);
	if (likely(length > 0))
		ks_record_keep(record, &c->exe, room, length);
	else
		ks_process_put_exe(record, &c->exe, c->start_time, length);
}

static void fill_namespaces(struct ks_record *record, struct ks_context *c)
{
	const struct nsproxy *proxy = READ_ONCE(current->nsproxy);

	if (!proxy) {
		/* An exiting task has given them up. */
		c->mnt_ns = 0;
		c->net_ns = 0;
		ks_absent_context(record, mnt_ns);
		ks_absent_context(record, net_ns);
		ks_absent_context(record, hostname);
		return;
	}
	c->mnt_ns = ks_mnt_ns_inum(proxy->mnt_ns);
	c->net_ns = proxy->net_ns->ns.inum;
	put_hostname(record, c, proxy->uts_ns->name.nodename);
}

static void fill_tty(struct ks_record *record, struct ks_context *c)
{
	struct sighand_struct *sighand = rcu_dereference_sched(current->sighand);
	const struct tty_struct *tty = NULL;
	unsigned long flags;

	if (READ_ONCE(current->signal->tty) &&
	    spin_trylock_irqsave(&sighand->siglock, flags)) {
		tty = current->signal->tty;
		if (tty)
			ks_record_string(record, &c->tty, tty->name,
					 strnlen(tty->name, sizeof(tty->name)));
		spin_unlock_irqrestore(&sighand->siglock, flags);
	}
	if (!tty)
		ks_absent_context(record, tty);
}

void ks_context_fill(struct ks_record *record, struct ks_context *context)
{
	BUILD_BUG_ON(sizeof(*context) != KS_CONTEXT_BYTES);
	context->exe = (struct ksonde_ref){};
	context->hostname = (struct ksonde_ref){};
	context->tty = (struct ksonde_ref){};
	ks_probe_read_lock();
	fill_process(record, context);
	fill_credentials(record, context);
	if (unlikely(current->flags & PF_KTHREAD)) {
		ks_record_flag(record, KSONDE_F_KTHREAD);
		ks_absent_context(record, exe);
	} else {
		if (ks_syscall_is_compat())
			ks_record_flag(record, KSONDE_F_COMPAT);
		put_exe(record, context);
	}
	fill_namespaces(record, context);
	fill_tty(record, context);
	ks_probe_read_unlock();
}

void ks_context_ancestors(struct ks_record *record, struct ksonde_ref *ref)
{
	size_t length = KSONDE_ANCESTORS_MAX * sizeof(struct ksonde_ancestor);
	struct ksonde_ancestor *room = ks_record_room(record, &length);
	const struct task_struct *task = current;
	size_t i, most = length / sizeof(*room);

	if (!room || most < KSONDE_ANCESTORS_MAX)
		ks_record_flag(record, KSONDE_F_TRUNCATED);
	if (!room)
		return;
	ks_probe_read_lock();
	for (i = 0; i < most; i++) {
		task = rcu_dereference_sched(task->real_parent);
		/* The idle task is everybody's last ancestor and nobody's news. */
		if (!task->tgid)
			break;
		room[i].start_time = ks_process_start_time(task);
		room[i].tgid = task->tgid;
		room[i].reserved = 0;
		ks_copy_comm(room[i].comm, task);
	}
	ks_probe_read_unlock();
	if (i)
		ks_record_keep(record, ref, room, i * sizeof(*room));
}
