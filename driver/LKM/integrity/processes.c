// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that hide: the kernel has them in its list of processes, in the
 * table of pids, by which /proc and kill(2) find them, and among the children
 * of their parents.  Processes come and go meanwhile, so only what is so at two
 * looks counts.  What /proc shows is for user space to compare.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include "../compat/mm.h"
#include "../compat/pid.h"
#include "../compat/sched.h"
#include "../core/text.h"
#include "../engine/hook.h"
#include "scan.h"

/* Of the table, with RCU held. */
#define PROCESSES_BATCH		1024
/* Of a parent, with the kernel's lock of all tasks held: some 25 us. */
#define PROCESSES_CHILDREN	512
#define PROCESSES_SUSPECTS	64
/* Between two looks. */
#define PROCESSES_PAUSE_MS	50

struct processes_suspect {
	u64 start;
	pid_t number;
	const char *wrong;
	u8 comm[TASK_COMM_LEN];
};

struct processes_look {
	u32 suspects;
	u32 checked;
	bool full;
	bool children;			/* not all of them were looked at */
	struct processes_suspect suspect[PROCESSES_SUSPECTS];
	DECLARE_BITMAP(listed, PID_MAX_LIMIT);
};

/* Under RCU. */
static void processes_add(struct processes_look *look, struct task_struct *task,
			  const char *wrong)
{
	struct processes_suspect *suspect;

	if (look->suspects == PROCESSES_SUSPECTS) {
		look->full = true;
		return;
	}
	suspect = &look->suspect[look->suspects++];
	suspect->start = ks_start_boottime(task);
	suspect->number = task_pid_nr(task);
	suspect->wrong = wrong;
	ks_copy_comm(suspect->comm, task);
}

/* What is in the list has a pid that leads to it. */
static void processes_listed(struct processes_look *look)
{
	struct task_struct *process, *task;
	pid_t number;

	rcu_read_lock();
	for_each_process(process) {
		for_each_thread(process, task) {
			number = task_pid_nr(task);
			if (number <= 0 || number >= PID_MAX_LIMIT)
				continue;
			look->checked++;
			__set_bit(number, look->listed);
			if (pid_task(find_pid_ns(number, &init_pid_ns), PIDTYPE_PID) != task &&
			    pid_alive(task))
				processes_add(look, task, task == process ?
					"a process runs, but has no pid that leads to it" :
					"a thread runs, but has no pid that leads to it");
		}
	}
	rcu_read_unlock();
}

/* Whom a pid leads to is in the list. */
static void processes_in_table(struct processes_look *look)
{
	struct task_struct *task;
	struct pid *pid;
	int number = 1;
	u32 i;

	do {
		rcu_read_lock();
		for (i = 0; i < PROCESSES_BATCH; i++, number++) {
			pid = ks_pid_next(&number);
			task = pid ? pid_task(pid, PIDTYPE_PID) : NULL;
			if (!pid || number >= PID_MAX_LIMIT)
				break;
			if (task && !test_bit(number, look->listed))
				processes_add(look, task,
					      "a pid leads to it, but it is not in the list of processes");
		}
		rcu_read_unlock();
		cond_resched();
	} while (i == PROCESSES_BATCH);
}

/* Under RCU. */
static void processes_children_of(struct processes_look *look, rwlock_t *lock,
				  struct task_struct *parent)
{
	struct task_struct *child;
	u32 left = PROCESSES_CHILDREN;

	read_lock(lock);
	list_for_each_entry(child, &parent->children, sibling) {
		if (!left--) {
			look->children = true;
			break;
		}
		if (!test_bit(task_pid_nr(child), look->listed))
			processes_add(look, child,
				      "its parent knows it, but it is not in the list of processes");
	}
	read_unlock(lock);
}

static void processes_children(struct processes_look *look, rwlock_t *lock)
{
	struct task_struct *process, *task;

	rcu_read_lock();
	processes_children_of(look, lock, &init_task);
	for_each_process(process) {
		for_each_thread(process, task) {
			if (!list_empty(&task->children))
				processes_children_of(look, lock, task);
		}
	}
	rcu_read_unlock();
}

static void processes_look(struct ks_scan *scan, struct processes_look *look)
{
	rwlock_t *lock = (rwlock_t *)ks_symbol("tasklist_lock");

	look->suspects = 0;
	look->checked = 0;
	look->full = false;
	look->children = false;
	bitmap_zero(look->listed, PID_MAX_LIMIT);
	processes_listed(look);
	processes_in_table(look);
	if (lock)
		processes_children(look, lock);
	if (!lock)
		scan->why = "the kernel shows no symbol of its lock of all tasks";
	else if (look->children)
		scan->why = "a process has more children than are looked at";
	if (look->full)
		scan->why = "there are more suspects than room for them";
}

static bool processes_suspected(const struct processes_look *look,
				const struct processes_suspect *suspect)
{
	u32 i;

	for (i = 0; i < look->suspects; i++) {
		if (look->suspect[i].number == suspect->number &&
		    look->suspect[i].start == suspect->start)
			return true;
	}
	return false;
}

/* By the ways in which it is missed, one finding is enough. */
static bool processes_told(const struct processes_look *look, u32 index)
{
	const struct processes_suspect *suspect = &look->suspect[index];

	while (index--) {
		if (look->suspect[index].number == suspect->number &&
		    look->suspect[index].start == suspect->start)
			return true;
	}
	return false;
}

void ks_scan_processes(struct ks_scan *scan)
{
	struct processes_look *looks = kvcalloc(2, sizeof(*looks), GFP_KERNEL);
	const struct processes_suspect *suspect;
	u32 i;

	if (!looks) {
		scan->why = "no memory";
		return;
	}
	processes_look(scan, &looks[0]);
	scan->checked = looks[0].checked;
	if (!looks[0].suspects)
		goto out_free;
	msleep(PROCESSES_PAUSE_MS);
	processes_look(scan, &looks[1]);
	for (i = 0; i < looks[0].suspects; i++) {
		suspect = &looks[0].suspect[i];
		if (processes_suspected(&looks[1], suspect) && !processes_told(&looks[0], i))
			ks_scan_finding(scan, KS_FINDING_PROCESS, suspect->wrong, 0,
					"process %d (%.*s)", suspect->number, TASK_COMM_LEN,
					suspect->comm);
	}
out_free:
	kvfree(looks);
}

void ks_scan_processes_seen(struct ks_scan *scan)
{
	struct task_struct *process;
	const char *comma = "";

	rcu_read_lock();
	for_each_process(process) {
		ks_text_add(scan->text, "%s%d", comma, task_pid_nr(process));
		comma = ",";
	}
	rcu_read_unlock();
}
