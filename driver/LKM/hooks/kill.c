// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process or a group is sent a signal by number or by pidfd.  What the
 * kernel sends itself is not recorded.
 */
#include <linux/fs.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include "../compat/file.h"
#include "../compat/pidfd.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "target.h"

enum { KILL, PIDFD };

static unsigned long pidfd_poll;

static int prepare(void)
{
	pidfd_poll = ks_symbol("pidfd_poll");
	return 0;
}

static void release(void)
{
	pidfd_poll = 0;
}

/* Whoever a pidfd stands for.  It is told by what polls it: that has a symbol. */
static void find_by_pidfd(struct ks_target *target, int fd)
{
	struct file *file = pidfd_poll ? ks_file_of(fd) : NULL;
	const struct task_struct *task;

	target->known = false;
	if (!file)
		return;
	if ((unsigned long)file->f_op->poll == pidfd_poll) {
		rcu_read_lock();
		task = pid_task(ks_pidfd_pid(file), PIDTYPE_PID);
		target->known = task;
		if (task)
			ks_process_identify(task, &target->process);
		rcu_read_unlock();
	}
	fput(file);
}

static void find(struct ks_target *target, const struct ks_syscall *call)
{
	if (call->which == PIDFD)
		find_by_pidfd(target, call->arg[0]);
	else
		ks_target_find(target, call->arg[0]);
}

static bool enter(struct ks_hook *hook, const struct ks_syscall *call, void *data)
{
	if (!ks_is_wanted(kill))
		return false;
	find(data, call);
	return true;
}

static void leave(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	struct ks_event_kill *e;
	struct ks_record *record;
	struct ks_target late;

	if (!ks_is_wanted(kill))
		return;
	record = ks_record_begin(hook, kill);
	if (!record)
		return;
	e = ks_record_event(record, kill);
	if (!data)
		find(&late, call);
	if (!ks_target_put(data ? data : &late, &e->target_tgid, &e->target_start_time)) {
		ks_absent(record, kill, target_tgid);
		ks_absent(record, kill, target_start_time);
	}
	if (call->which == PIDFD) {
		e->pidfd = call->arg[0];
		ks_absent(record, kill, pid);
	} else {
		e->pid = call->arg[0];
		ks_absent(record, kill, pidfd);
	}
	e->signal = call->arg[1];
	e->result = call->ret;
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_SYSCALL_FROM("kill pidfd_send_signal?", enter, leave, sizeof(struct ks_target)),
	KS_SYS_EXIT("kill pidfd_send_signal?", leave),
	{}
};

struct ks_hook ks_hook_kill = {
	.name = "kill",
	.event = KS_EV_kill,
	.points = points,
	.prepare = prepare,
	.release = release,
};
