// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mapping is asked to be executable: by mprotect(2) or pkey_mprotect(2), once
 * for each mapping that the range meets.  Whether it is executable already does
 * not matter: what makes code writable keeps PROT_EXEC.  The mmap lock is held
 * by the caller.
 */
#include <linux/mman.h>
#include <linux/rcupdate.h>
#include <linux/sched/task_stack.h>
#include "../compat/mm.h"
#include "../compat/syscall.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

/* Who shares the memory of its parent is not its owner. */
static void put_owner(struct ks_record *record, struct ks_event_mprotect *e,
		      const struct mm_struct *mm)
{
	const struct task_struct *task;
	struct ks_identity owner;

	rcu_read_lock();
	task = mm ? ks_mm_owner(mm) : NULL;
	if (task)
		ks_process_identify(task, &owner);
	rcu_read_unlock();
	if (!task) {
		ks_absent(record, mprotect, owner_tgid);
		ks_absent(record, mprotect, owner_start_time);
		ks_absent(record, mprotect, owner_exe);
		return;
	}
	e->owner_tgid = owner.tgid;
	e->owner_start_time = owner.start_time;
	if (!ks_process_put_exe_of(record, &e->owner_exe, &owner))
		ks_absent(record, mprotect, owner_exe);
}

/* Both calls begin with start and length. */
static void put_range(struct ks_event_mprotect *e)
{
	unsigned long arg[6];

	ks_syscall_arguments(task_pt_regs(current), arg);
	e->start = arg[0];
	e->length = arg[1];
}

static noinline void record_mprotect(struct ks_hook *hook, const struct ks_call *call)
{
	const struct vm_area_struct *vma = (const struct vm_area_struct *)call->arg[0];
	struct ks_event_mprotect *e;
	struct ks_record *record;

	record = ks_record_begin(hook, mprotect);
	if (!record)
		return;
	e = ks_record_event(record, mprotect);
	put_range(e);
	e->mapping_start = vma->vm_start;
	e->mapping_end = vma->vm_end;
	e->protection = call->arg[2];
	/* The lowest bits of both are the same. */
	e->current_protection = vma->vm_flags & (PROT_READ | PROT_WRITE | PROT_EXEC);
	if (!vma->vm_file || !ks_path_put(record, &e->path, &vma->vm_file->f_path))
		ks_absent(record, mprotect, path);
	put_owner(record, e, vma->vm_mm);
	ks_record_commit(record);
}

static void asked(struct ks_hook *hook, const struct ks_call *call)
{
	if (ks_is_wanted(mprotect) && call->arg[2] & PROT_EXEC)
		record_mprotect(hook, call);
}

static const struct ks_point points[] = {
	KS_FTRACE("security_file_mprotect", asked),
	KS_KPROBE("security_file_mprotect", asked),
	{}
};

struct ks_hook ks_hook_mprotect = {
	.name = "mprotect",
	.event = KS_EV_mprotect,
	.points = points,
};
