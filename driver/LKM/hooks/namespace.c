// SPDX-License-Identifier: GPL-2.0-only
/*
 * Namespaces and roots are changed: unshare, setns, pivot_root and chroot.  The
 * context of a record is that after the call.  An unshare of no namespace (of
 * files, say) is not recorded.  What a new process is given, fork tells.
 */
#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/jiffies.h>
#include <linux/magic.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "../compat/file.h"
#include "../compat/fs_struct.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

/* As ks_syscall's which counts, from 1. */
enum { UNSHARE = 1, SETNS, PIVOT_ROOT, CHROOT };
#define NAMES	"unshare setns pivot_root chroot"

/* CLONE_NEWTIME is one bit of the exit signal for clone(2); not in kernels before v5.6. */
#define NEW_ANY	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
		 CLONE_NEWPID | CLONE_NEWNET | 0x80UL)

/* The number of the namespace that a descriptor is of, 0: it is of none. */
static u32 namespace_of(int fd)
{
	struct file *file = ks_file_of(fd);
	u32 number = 0;

	if (!file)
		return 0;
	if (file_inode(file)->i_sb->s_magic == NSFS_MAGIC)
		number = file_inode(file)->i_ino;
	fput(file);
	return number;
}

static bool put_root(struct ks_record *record, struct ksonde_ref *ref)
{
	struct fs_struct *fs = current->fs;
	bool known = false;
	struct path path;

	if (!fs)
		return false;
	rcu_read_lock();
	if (ks_fs_path(fs, &fs->root, &path))
		known = ks_path_put(record, ref, &path);
	rcu_read_unlock();
	return known;
}

/*
 * Where the new root of a pivot_root is, by the old one: what a security module
 * is asked.  After the call it is just "/".  The second of two at once has only
 * the name that was given.
 */
static struct {
	struct task_struct *task;
	unsigned long since;
	const char *begin;
	char path[KSONDE_STRING_MAX + 1];
} pivot;

/* One that old was left behind: its call had no instance of the kretprobe. */
#define FORGOTTEN	(10 * HZ)

static void note_pivot(struct ks_hook *hook, const struct ks_call *call)
{
	struct task_struct *task = READ_ONCE(pivot.task);

	if (!ks_is_wanted(namespace))
		return;
	if (task && task != current && !time_after(jiffies, READ_ONCE(pivot.since) + FORGOTTEN))
		return;
	WRITE_ONCE(pivot.since, jiffies);
	if (cmpxchg(&pivot.task, task, current) != task)
		return;
	pivot.begin = ks_path_format((const struct path *)call->arg[1], pivot.path,
				     sizeof(pivot.path));
}

/* false: it was not noted, or by another task. */
static bool put_pivot(struct ks_record *record, struct ksonde_ref *ref)
{
	const char *begin = pivot.begin;

	if (READ_ONCE(pivot.task) != current)
		return false;
	if (begin)
		ks_record_string(record, ref, begin,
				 strnlen(begin, pivot.path + sizeof(pivot.path) - begin));
	return begin;
}

static void forget_pivot(void)
{
	if (READ_ONCE(pivot.task) == current)
		cmpxchg(&pivot.task, current, NULL);
}

static bool put_name(struct ks_record *record, struct ksonde_ref *ref, unsigned long address)
{
	ks_record_flag(record, KSONDE_F_REREAD);
	return ks_user_string(record, ref, address);
}

/* false: there is none, or it cannot be had. */
static bool put_target(struct ks_record *record, struct ks_event_namespace *e,
		       const struct ks_syscall *call)
{
	if (e->kind == SETNS)
		return ks_path_put_fd(record, &e->target, call->arg[0]);
	if (e->kind == CHROOT && !call->ret)
		return put_root(record, &e->target);
	if (e->kind == PIVOT_ROOT && put_pivot(record, &e->target))
		return true;
	return e->kind != UNSHARE && put_name(record, &e->target, call->arg[0]);
}

static void record_change(struct ks_hook *hook, const struct ks_syscall *call)
{
	const u32 kind = call->which + 1;
	struct ks_event_namespace *e;
	struct ks_record *record;

	if (!ks_is_wanted(namespace) || (kind == UNSHARE && !(call->arg[0] & NEW_ANY)))
		return;
	record = ks_record_begin(hook, namespace);
	if (!record)
		return;
	e = ks_record_event(record, namespace);
	e->kind = kind;
	if (kind == UNSHARE)
		e->flags = call->arg[0];
	else if (kind == SETNS)
		e->flags = (u32)call->arg[1];
	else
		ks_absent(record, namespace, flags);
	if (!put_target(record, e, call))
		ks_absent(record, namespace, target);
	if (kind == SETNS)
		e->target_ns = namespace_of(call->arg[0]);
	if (!e->target_ns)
		ks_absent(record, namespace, target_ns);
	e->result = call->ret;
	ks_record_commit(record);
}

static void changed(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	record_change(hook, call);
	forget_pivot();
}

static const struct ks_point points[] = {
	KS_SYSCALL(NAMES, changed),
	KS_SYS_EXIT(NAMES, changed),
	{}
};

struct ks_hook ks_hook_namespace = {
	.name = "namespace",
	.event = KS_EV_namespace,
	.points = points,
};

static const struct ks_point points_pivot[] = {
	KS_FTRACE("security_sb_pivotroot", note_pivot),
	KS_KPROBE("security_sb_pivotroot", note_pivot),
	{}
};

struct ks_hook ks_hook_namespace_pivot = {
	.name = "namespace_pivot",
	.event = KS_EV_namespace,
	.points = points_pivot,
};
