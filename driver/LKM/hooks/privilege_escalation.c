// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread has credentials that none of the kernel's own ways gave it: neither
 * commit_creds(), which exec, setuid(2) and all their kin end with, nor fork.
 * Somebody who can write kernel memory has changed them, or put others in
 * their place.  What a thread has is compared with what it was given whenever
 * it is given others, makes a task, or ends.
 *
 * Three hooks: the first has the table that all of them use, the last one
 * looks at the threads there are when the others watch already.
 */
#include <linux/cred.h>
#include <linux/errno.h>
#include "../compat/trace_sched.h"
#include "../context/context.h"
#include "../context/credentials.h"
#include "../core/record.h"
#include "../engine/hook.h"

/* Values of the field `noticed`. */
enum {
	AT_COMMIT = 1,
	AT_FORK = 2,
	AT_EXIT = 3,
};

static bool watched;

/*
 * Who switches these off silences the first hook, and the others would find
 * what it has not seen.  NULL: this kernel does not tell where they are.
 */
static const int *ftrace_is_on;
static const bool *kprobes_are_off;

static void doubt_when_silent(void)
{
	if (unlikely((ftrace_is_on && !READ_ONCE(*ftrace_is_on)) ||
		     (kprobes_are_off && READ_ONCE(*kprobes_are_off))))
		ks_explained_doubt();
}

static void look(struct ks_hook *hook, u32 noticed)
{
	struct ks_event_privilege_escalation *e;
	struct ks_credentials now;
	struct ks_explained last;
	struct ks_record *record;

	doubt_when_silent();
	if (!ks_explained_differ(&last) || !ks_is_wanted(privilege_escalation))
		return;
	record = ks_record_begin(hook, privilege_escalation);
	if (!record)
		return;
	e = ks_record_event(record, privilege_escalation);
	ks_credentials_of(current_real_cred(), &now);
	KS_PUT_CREDENTIALS(e, old, &last.credentials);
	e->old_user_ns = last.credentials.user_ns;
	KS_PUT_CREDENTIALS(e, new, &now);
	e->replaced = last.replaced;
	e->noticed = noticed;
	e->explained = last.way;
	e->explained_time = last.time;
	ks_context_ancestors(record, &e->ancestors);
	ks_record_commit(record);
}

static void commit(struct ks_hook *hook, const struct ks_call *call)
{
	look(hook, AT_COMMIT);
	ks_explained_set(current, (const struct cred *)call->arg[0], KS_WAY_COMMIT);
}

static const struct ks_point commit_points[] = {
	KS_FTRACE("commit_creds", commit),
	KS_KPROBE("commit_creds", commit),
	{}
};

static int prepare(void)
{
	int err = ks_explained_create();

	ftrace_is_on = (const int *)ks_symbol("ftrace_enabled");
	kprobes_are_off = (const bool *)ks_symbol("kprobes_all_disarmed");
	watched = !err;
	return err;
}

static void release(void)
{
	watched = false;
	ks_explained_destroy();
}

struct ks_hook ks_hook_escalation_commit = {
	.name = "escalation_commit",
	.event = KS_EV_privilege_escalation,
	.vital = true,
	.points = commit_points,
	.prepare = prepare,
	.release = release,
};

static void KS_SCHED_PROCESS_EXIT(ended)
{
	struct ks_hook *hook = data;
	u64 token = ks_hook_enter(hook);

	look(hook, AT_EXIT);
	ks_explained_forget();
	ks_hook_leave(hook, token);
}

static const struct ks_point exit_points[] = {
	KS_TRACEPOINT("sched_process_exit", ended),
	{}
};

/* Without the table there is nothing to watch. */
static int need_table(void)
{
	return watched ? 0 : -ENODEV;
}

static void nothing(void)
{
}

struct ks_hook ks_hook_escalation_exit = {
	.name = "escalation_exit",
	.event = KS_EV_privilege_escalation,
	.vital = true,
	.points = exit_points,
	.prepare = need_table,
	.release = nothing,
};

static void made(struct ks_hook *hook, struct task_struct *child)
{
	look(hook, AT_FORK);
	rcu_read_lock();
	ks_explained_set(child, rcu_dereference(child->real_cred), KS_WAY_FORK);
	rcu_read_unlock();
	/* What the child does before anybody looks again may not be seen, either. */
	doubt_when_silent();
}

static void KS_TASK_NEWTASK(newtask)
{
	struct ks_hook *hook = data;
	u64 token = ks_hook_enter(hook);

	made(hook, task);
	ks_hook_leave(hook, token);
}

static void process_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	struct ks_hook *hook = data;
	u64 token = ks_hook_enter(hook);

	made(hook, child);
	ks_hook_leave(hook, token);
}

static const struct ks_point fork_points[] = {
	KS_TRACEPOINT("task_newtask", newtask),
	KS_TRACEPOINT("sched_process_fork", process_fork),
	{}
};

static int look_at_all(void)
{
	if (watched)
		ks_explained_fill();
	return need_table();
}

struct ks_hook ks_hook_escalation_fork = {
	.name = "escalation_fork",
	.event = KS_EV_privilege_escalation,
	.vital = true,
	.points = fork_points,
	.prepare = look_at_all,
	.release = nothing,
};
