// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/mem, or that of a thread, is opened for writing.  Nothing else
 * comes to mem_open().  What the file is of, only procfs knows; but the name of
 * the folder is a number that stays that task's as long as it lives: when the
 * call has succeeded, it is the right one.
 */
#include <linux/dcache.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include "../compat/proc_fs.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "process_vm.h"

struct opening {
	struct ks_target target;
	int pid;		/* 0: not known */
};

/* The number that the folder of file is called by. */
static int folder_number(const struct file *file)
{
	const struct dentry *folder = READ_ONCE(file->f_path.dentry->d_parent);
	const unsigned char *c = READ_ONCE(folder->d_name.name);
	int number = 0;

	for (; *c >= '0' && *c <= '9' && number <= PID_MAX_LIMIT; c++)
		number = number * 10 + *c - '0';
	return *c ? 0 : number;
}

static void find(struct opening *opening, const struct file *file)
{
	struct pid_namespace *ns = ks_proc_pid_ns(file_inode(file)->i_sb);
	const struct task_struct *task;

	rcu_read_lock();
	opening->pid = folder_number(file);
	task = opening->pid ? pid_task(find_pid_ns(opening->pid, ns), PIDTYPE_PID) : NULL;
	opening->target.known = task;
	if (task)
		ks_process_identify(task, &opening->target.process);
	rcu_read_unlock();
}

static bool enter(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	const struct file *file = (const struct file *)call->arg[1];

	if (!ks_is_wanted(process_vm) || !(file->f_mode & FMODE_WRITE))
		return false;
	find(data, file);
	return true;
}

static struct ks_record *record_open(struct ks_hook *hook, const struct opening *opening)
{
	struct ks_record *record = ks_record_begin(hook, process_vm);
	struct ks_event_process_vm *e;

	if (!record)
		return NULL;
	e = ks_record_event(record, process_vm);
	e->kind = KS_VM_MEM;
	e->pid = opening->pid;
	if (!opening->pid)
		ks_absent(record, process_vm, pid);
	ks_absent(record, process_vm, length);
	ks_absent(record, process_vm, pieces);
	ks_process_vm_put(record, e, &opening->target);
	return record;
}

static void leave(struct ks_hook *hook, long ret, void *data)
{
	struct opening *opening = data;
	struct ks_record *record;

	/* That number is another one's already. */
	if ((int)ret == -ESRCH)
		opening->target.known = false;
	record = record_open(hook, opening);
	if (!record)
		return;
	ks_record_event(record, process_vm)->result = (int)ret;
	ks_record_commit(record);
}

static void asked(struct ks_hook *hook, const struct ks_call *call)
{
	struct opening opening;
	struct ks_record *record;

	if (!enter(hook, call, &opening))
		return;
	record = record_open(hook, &opening);
	if (!record)
		return;
	ks_absent(record, process_vm, result);
	ks_record_commit(record);
}

/* The second one is for kernels whose kprobes cannot be where ftrace is. */
static const struct ks_point points[] = {
	KS_KRETPROBE("mem_open", enter, leave, sizeof(struct opening)),
	KS_FTRACE("mem_open", asked),
	{}
};

struct ks_hook ks_hook_process_mem = {
	.name = "process_mem",
	.event = KS_EV_process_vm,
	.points = points,
};
