// SPDX-License-Identifier: GPL-2.0-only
/*
 * The processes there are: what each was executed from, and whose tree it is
 * in.  Filled by a walk, kept by the hooks of fork, exec and exit.
 */
#include <linux/fs.h>
#include <linux/percpu.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include "../compat/file.h"
#include "../compat/sched.h"
#include "../engine/hook.h"
#include "cache.h"
#include "context.h"

static DEFINE_PER_CPU(u64, cache_misses);

static void entry_format_exe(struct ks_entry *entry, const struct path *exe)
{
	char *begin = ks_path_format(exe, entry->exe, sizeof(entry->exe));

	entry->head.exe_length = 0;
	entry->head.flags = ENTRY_EXE_LONG;
	if (!begin)
		return;
	entry->head.flags = 0;
	entry->head.exe_length = strlen(begin);
	memmove(entry->exe, begin, entry->head.exe_length);
}

static struct file *process_exe_file(struct task_struct *leader)
{
	struct file *file = NULL;
	struct task_struct *task;

	/* The leader may be gone while other threads live. */
	for_each_thread(leader, task) {
		task_lock(task);
		if (task->mm)
			file = ks_get_exe_file(task->mm);
		task_unlock(task);
		if (file)
			break;
	}
	return file;
}

/* Adds a process that was there before; what the probes know is newer. */
static void process_add(struct task_struct *leader)
{
	struct ks_entry entry = { .head.flags = ENTRY_NO_EXE };
	struct file *file = NULL;

	entry.head.start_time = ks_process_start_time(leader);
	if (!(leader->flags & PF_KTHREAD)) {
		entry.head.flags = ENTRY_EXE_LONG;
		file = process_exe_file(leader);
	}
	if (file) {
		entry_format_exe(&entry, &file->f_path);
		fput(file);
	}
	ks_cache_add(leader->tgid, &entry, &leader->signal->live);
}

int ks_process_start(void)
{
	struct task_struct *leader;
	int err;

	err = ks_cache_create();
	/* Where nothing is observed, nothing is looked at. */
	if (err || !ks_engine_observes())
		return err;
	/* A fork that this walk does not see does see the table. */
	smp_mb();
	rcu_read_lock();
	for_each_process(leader)
		process_add(leader);
	rcu_read_unlock();
	return 0;
}

void ks_process_stop(void)
{
	ks_cache_destroy();
}

u64 ks_process_cache_bytes(void)
{
	return ks_cache_bytes();
}

u64 ks_process_cache_misses(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(cache_misses, cpu));
	return sum;
}

/* current forks; child does not run yet. */
void ks_process_forked(struct task_struct *child)
{
	struct ks_entry entry = {};
	struct ks_known known;
	struct file *file;
	int length;

	length = ks_cache_read(current->tgid, ks_process_start_time(current), entry.exe, &known);
	if (length >= 0) {
		entry.head.exe_length = length;
		entry.head.flags = known.flags;
		entry.head.trees = known.trees;
	} else {
		entry.head.flags = ENTRY_NO_EXE;
		file = child->mm ? ks_get_exe_file(child->mm) : NULL;
		if (file) {
			entry_format_exe(&entry, &file->f_path);
			fput(file);
		}
	}
	entry.head.start_time = ks_process_start_time(child);
	ks_cache_set(child->tgid, &entry, false);
}

void ks_process_executed(struct task_struct *task, const struct path *exe)
{
	struct ks_entry entry = {};

	entry.head.start_time = ks_process_start_time(task);
	entry_format_exe(&entry, exe);
	ks_cache_set(task->tgid, &entry, true);
}

/*
 * The two last threads may both find that none lives.  The first one marks
 * the entry, which stays a while: the record of the exit still wants the
 * executable, and the second thread must find the mark.
 */
bool ks_process_exited(struct task_struct *task)
{
	struct ks_entry entry = { .head.flags = ENTRY_EXE_LONG };

	if (atomic_read(&task->signal->live))
		return false;
	entry.head.start_time = ks_process_start_time(task);
	return ks_cache_end(task->tgid, &entry);
}

u32 ks_process_trees(void)
{
	struct ks_known known;

	if (ks_cache_read(current->tgid, ks_process_start_time(current), NULL, &known) < 0)
		return 0;
	return known.trees;
}

struct task_struct *ks_process_find(u32 tgid)
{
	struct task_struct *task = pid_task(find_pid_ns(tgid, &init_pid_ns), PIDTYPE_PID);

	return task && thread_group_leader(task) ? task : NULL;
}

int ks_process_follow(u32 tgid, u32 session)
{
	struct task_struct *leader;
	int err = -ESRCH;

	rcu_read_lock();
	leader = ks_process_find(tgid);
	if (leader) {
		process_add(leader);
		if (ks_cache_follow(tgid, session))
			err = 0;
	}
	rcu_read_unlock();
	return err;
}

void ks_process_unfollow(u32 session)
{
	ks_cache_unfollow(session);
}

int ks_process_exe(char *exe)
{
	struct ks_known known = {};
	char *begin = NULL;
	struct file *file;
	int length;

	if (current->flags & PF_KTHREAD)
		return 0;
	length = ks_cache_read(current->tgid, ks_process_start_time(current), exe, &known);
	if (length > 0 || known.flags & ENTRY_NO_EXE)
		return length;
	file = current->mm ? ks_get_exe_file(current->mm) : NULL;
	if (file) {
		begin = ks_path_format(&file->f_path, exe, KS_EXE_MAX);
		fput(file);
	}
	if (!begin)
		return -1;
	length = strlen(begin);
	memmove(exe, begin, length);
	return length;
}

static void exe_put_slow(struct ks_record *record, struct ksonde_ref *ref)
{
	struct file *file = current->mm ? ks_get_exe_file(current->mm) : NULL;

	if (!file || !ks_path_put_plain(record, ref, &file->f_path))
		ks_absent_context(record, exe);
	if (file)
		fput(file);
}

/* The cache has no executable of a process that it knows. */
static void exe_put_unkept(struct ks_record *record, struct ksonde_ref *ref,
			   u64 start_time)
{
	struct ks_known known;

	if (ks_cache_read(current->tgid, start_time, NULL, &known) < 0 ||
	    known.flags & ENTRY_EXE_LONG)
		exe_put_slow(record, ref);
	else
		ks_absent_context(record, exe);
}

void ks_process_put_exe(struct ks_record *record, struct ksonde_ref *ref, u64 start_time,
			int cached)
{
	if (cached < 0) {
		this_cpu_inc(cache_misses);
		ks_record_flag(record, KSONDE_F_UNCACHED);
		exe_put_slow(record, ref);
	} else {
		exe_put_unkept(record, ref, start_time);
	}
}

void ks_process_identify(const struct task_struct *task, struct ks_identity *out)
{
	out->tgid = task->tgid;
	out->start_time = ks_process_start_time(task);
}

bool ks_process_by_pid(int pid, struct ks_identity *out)
{
	const struct task_struct *task;

	rcu_read_lock();
	task = pid_task(find_vpid(pid), PIDTYPE_PID);
	if (task)
		ks_process_identify(task, out);
	rcu_read_unlock();
	return task;
}

bool ks_process_put_exe_of(struct ks_record *record, struct ksonde_ref *ref,
			   const struct ks_identity *process)
{
	size_t size = KS_EXE_MAX;
	char *room = ks_record_room(record, &size);
	int length;

	if (!room || size < KS_EXE_MAX)
		return false;
	length = ks_cache_read(process->tgid, process->start_time, room, NULL);
	if (length <= 0)
		return false;
	ks_record_keep(record, ref, room, length);
	return true;
}
