// SPDX-License-Identifier: GPL-2.0-only
/*
 * prctl(2) with options that hide a process, or open it to others.  A new name
 * is taken from the kernel, after the call.  A call that sets what was set
 * already is not recorded; one that failed is: something else was wanted.
 */
#include <linux/prctl.h>
#include <linux/string.h>
#include "../compat/coredump.h"
#include "../compat/sched.h"
#include "../core/record.h"
#include "../engine/hook.h"

struct before {
	u8 comm[TASK_COMM_LEN];
	int dumpable;
};

/* The kernel takes it for an int. */
static int option_of(const struct ks_syscall *call)
{
	return call->arg[0];
}

static bool is_told(int option)
{
	switch (option) {
	case PR_SET_NAME:
	case PR_SET_DUMPABLE:
	case PR_SET_MM:
	case PR_SET_SECCOMP:
	case PR_SET_PTRACER:
		return true;
	default:
		return false;
	}
}

static bool enter(struct ks_hook *hook, const struct ks_syscall *call, void *data)
{
	struct before *before = data;

	if (!ks_is_wanted(prctl) || !is_told(option_of(call)))
		return false;
	ks_copy_comm(before->comm, current);
	before->dumpable = ks_dumpable();
	return true;
}

static bool changes(const struct ks_syscall *call, const struct before *before)
{
	u8 comm[TASK_COMM_LEN];

	/* What could not be asked before is in doubt. */
	if (!before || call->ret)
		return true;
	switch (option_of(call)) {
	case PR_SET_NAME:
		ks_copy_comm(comm, current);
		return memcmp(comm, before->comm, sizeof(comm));
	case PR_SET_DUMPABLE:
		return ks_dumpable() != before->dumpable;
	default:
		return true;
	}
}

static void put_values(struct ks_record *record, struct ks_event_prctl *e,
		       const struct before *before)
{
	const bool names = e->option == PR_SET_NAME;

	if (names && before)
		memcpy(e->old_name, before->comm, sizeof(e->old_name));
	else
		ks_absent(record, prctl, old_name);
	if (names && !e->result)
		ks_copy_comm(e->name, current);
	else
		ks_absent(record, prctl, name);
	if (e->option == PR_SET_DUMPABLE && before)
		e->old_dumpable = before->dumpable;
	else
		ks_absent(record, prctl, old_dumpable);
}

static void leave(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	struct ks_event_prctl *e;
	struct ks_record *record;

	if (!ks_is_wanted(prctl) || !is_told(option_of(call)) || !changes(call, data))
		return;
	record = ks_record_begin(hook, prctl);
	if (!record)
		return;
	e = ks_record_event(record, prctl);
	e->option = option_of(call);
	e->result = call->ret;
	e->argument2 = call->arg[1];
	e->argument3 = call->arg[2];
	e->argument4 = call->arg[3];
	e->argument5 = call->arg[4];
	put_values(record, e, data);
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_SYSCALL_FROM("prctl", enter, leave, sizeof(struct before)),
	KS_SYS_EXIT("prctl", leave),
	{}
};

struct ks_hook ks_hook_prctl = {
	.name = "prctl",
	.event = KS_EV_prctl,
	.points = points,
};
