// SPDX-License-Identifier: GPL-2.0-only
/*
 * ptrace(2) attaches to a task, or writes into its memory or registers.  What
 * only reads, stops or resumes it is not recorded, nor is TRACEME.
 */
#include <linux/errno.h>
#include <linux/types.h>
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "target.h"

/* Whoever has such a request: what an architecture or ABI lacks is refused, and recorded so. */
enum {
	POKETEXT	= 4,
	POKEDATA	= 5,
	POKEUSR		= 6,
	SETREGS		= 13,
	SETFPREGS	= 15,
	ATTACH		= 16,
	SETFPXREGS	= 19,
	SETREGSET	= 0x4205,
	SEIZE		= 0x4206,
	SET_SYSCALL_INFO = 0x4212,
};

static bool intrudes(unsigned long request)
{
	switch (request) {
	case POKETEXT:
	case POKEDATA:
	case POKEUSR:
	case SETREGS:
	case SETFPREGS:
	case ATTACH:
	case SETFPXREGS:
	case SETREGSET:
	case SEIZE:
	case SET_SYSCALL_INFO:
		return true;
	default:
		return false;
	}
}

static bool enter(struct ks_hook *hook, const struct ks_syscall *call, void *data)
{
	if (!ks_is_wanted(ptrace) || !intrudes(call->arg[0]))
		return false;
	ks_target_find(data, call->arg[1]);
	return true;
}

static void put_target(struct ks_record *record, struct ks_event_ptrace *e,
		       const struct ks_target *target)
{
	if (!ks_target_put(target, &e->target_tgid, &e->target_start_time)) {
		ks_absent(record, ptrace, target_tgid);
		ks_absent(record, ptrace, target_start_time);
	}
	if (!target->known || !ks_process_put_exe_of(record, &e->target_exe, &target->process))
		ks_absent(record, ptrace, target_exe);
}

static void leave(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	const struct ks_target *target = data;
	struct ks_event_ptrace *e;
	struct ks_record *record;
	struct ks_target late;

	/* After a signal the call is made again, whatever the program does. */
	if (!ks_is_wanted(ptrace) || !intrudes(call->arg[0]) || call->ret == -ERESTARTNOINTR)
		return;
	record = ks_record_begin(hook, ptrace);
	if (!record)
		return;
	if (!target) {
		ks_target_find(&late, call->arg[1]);
		target = &late;
	}
	e = ks_record_event(record, ptrace);
	e->request = call->arg[0];
	e->pid = call->arg[1];
	e->address = call->arg[2];
	e->data = call->arg[3];
	e->result = call->ret;
	put_target(record, e, target);
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_SYSCALL_FROM("ptrace", enter, leave, sizeof(struct ks_target)),
	KS_SYS_EXIT("ptrace", leave),
	{}
};

struct ks_hook ks_hook_ptrace = {
	.name = "ptrace",
	.event = KS_EV_ptrace,
	.points = points,
};
