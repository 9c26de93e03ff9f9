// SPDX-License-Identifier: GPL-2.0-only
/* A process is made: the cache learns it, and fork is recorded. */
#include <linux/cred.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>
#include "../compat/mnt_namespace.h"
#include "../compat/trace_sched.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

static void record_namespaces(struct ks_record *record, struct ks_event_fork *e,
			      struct task_struct *child)
{
	const struct nsproxy *old = current->nsproxy, *new = child->nsproxy;
	const struct pid_namespace *pid_ns = task_active_pid_ns(child);
	const struct user_namespace *user_ns = rcu_dereference(child->real_cred)->user_ns;

	if (old && new && new->mnt_ns != old->mnt_ns)
		e->new_mnt_ns = ks_mnt_ns_inum(new->mnt_ns);
	else
		ks_absent(record, fork, new_mnt_ns);
	if (old && new && new->net_ns != old->net_ns)
		e->new_net_ns = new->net_ns->ns.inum;
	else
		ks_absent(record, fork, new_net_ns);
	if (pid_ns != task_active_pid_ns(current))
		e->new_pid_ns = pid_ns->ns.inum;
	else
		ks_absent(record, fork, new_pid_ns);
	if (user_ns != current_real_cred()->user_ns)
		e->new_user_ns = user_ns->ns.inum;
	else
		ks_absent(record, fork, new_user_ns);
}

static void forked(struct ks_hook *hook, struct task_struct *child, const u64 *clone_flags)
{
	struct ks_event_fork *e;
	struct ks_record *record;

	/* A thread shares its group's leader. */
	if (child->group_leader != child)
		return;
	ks_process_forked(child);
	if (!ks_is_wanted(fork))
		return;
	record = ks_record_begin(hook, fork);
	if (!record)
		return;
	e = ks_record_event(record, fork);
	e->child_tgid = child->tgid;
	rcu_read_lock();
	e->child_ns_pid = task_tgid_nr_ns(child, task_active_pid_ns(child));
	e->child_start_time = ks_process_start_time(child);
	record_namespaces(record, e, child);
	rcu_read_unlock();
	if (clone_flags)
		e->clone_flags = *clone_flags & ~(u64)CSIGNAL;
	else
		ks_absent(record, fork, clone_flags);
	ks_record_commit(record);
}

static void KS_TASK_NEWTASK(newtask)
{
	struct ks_hook *hook = data;
	u64 token = ks_hook_enter(hook), flags = clone_flags;

	forked(hook, task, &flags);
	ks_hook_leave(hook, token);
}

static void process_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	struct ks_hook *hook = data;
	u64 token = ks_hook_enter(hook);

	forked(hook, child, NULL);
	ks_hook_leave(hook, token);
}

static const struct ks_point points[] = {
	KS_TRACEPOINT("task_newtask", newtask),
	KS_TRACEPOINT("sched_process_fork", process_fork),
	{}
};

struct ks_hook ks_hook_process_fork = {
	.name = "process_fork",
	.event = KS_EV_fork,
	.always = true,
	.points = points,
};
