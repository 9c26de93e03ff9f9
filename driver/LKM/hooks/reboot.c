// SPDX-License-Identifier: GPL-2.0-only
/*
 * reboot(2).  What brings the machine down does not return: it is recorded when
 * it is asked for, and again when it was refused.  All else is recorded when
 * the call has ended.
 */
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include "../compat/syscall.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

enum { ASKED = 1, RETURNED };

static bool brings_down(u32 command)
{
	switch (command) {
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2:
	case LINUX_REBOOT_CMD_HALT:
	case LINUX_REBOOT_CMD_POWER_OFF:
	case LINUX_REBOOT_CMD_KEXEC:
	case LINUX_REBOOT_CMD_SW_SUSPEND:
		return true;
	default:
		return false;
	}
}

static void record_reboot(struct ks_hook *hook, const struct ks_syscall *call, u32 stage)
{
	struct ks_event_reboot *e;
	struct ks_record *record;

	record = ks_record_begin(hook, reboot);
	if (!record)
		return;
	e = ks_record_event(record, reboot);
	e->stage = stage;
	e->magic = call->arg[0];
	e->magic2 = call->arg[1];
	e->command = call->arg[2];
	if (stage == RETURNED)
		e->result = call->ret;
	else
		ks_absent(record, reboot, result);
	if (e->command == LINUX_REBOOT_CMD_RESTART2)
		ks_record_flag(record, KSONDE_F_REREAD);
	if (e->command != LINUX_REBOOT_CMD_RESTART2 ||
	    !ks_user_string(record, &e->argument, call->arg[3]))
		ks_absent(record, reboot, argument);
	ks_record_commit(record);
}

static bool enter(struct ks_hook *hook, const struct ks_syscall *call, void *data)
{
	if (!ks_is_wanted(reboot))
		return false;
	if ((u32)call->arg[0] == LINUX_REBOOT_MAGIC1 && brings_down(call->arg[2]))
		record_reboot(hook, call, ASKED);
	return true;
}

static void leave(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	if (ks_is_wanted(reboot))
		record_reboot(hook, call, RETURNED);
}

/*
 * The second one is for kernels without kretprobes there: it sees only what
 * returns, and leaves what brings the machine down to the hook below.
 */
static const struct ks_point points[] = {
	KS_SYSCALL_FROM("reboot", enter, leave, 0),
	KS_SYS_EXIT("reboot", leave),
	{}
};

struct ks_hook ks_hook_reboot = {
	.name = "reboot",
	.event = KS_EV_reboot,
	.points = points,
};

/* The machine does go down, and current has asked for it: or a thread of the kernel, by itself. */
static void goes_down(struct ks_hook *hook, unsigned long action, void *what)
{
	struct ks_syscall call = {};

	/* Where the entry is seen it has told. */
	if (!ks_is_wanted(reboot) || READ_ONCE(ks_hook_reboot.taken) == points ||
	    current->flags & PF_KTHREAD)
		return;
	ks_syscall_arguments(task_pt_regs(current), call.arg);
	if ((u32)call.arg[0] == LINUX_REBOOT_MAGIC1 && brings_down(call.arg[2]))
		record_reboot(hook, &call, ASKED);
}

static const struct ks_point points_asked[] = {
	KS_NOTIFIER("reboot", goes_down),
	{}
};

struct ks_hook ks_hook_reboot_asked = {
	.name = "reboot_asked",
	.event = KS_EV_reboot,
	.points = points_asked,
};
