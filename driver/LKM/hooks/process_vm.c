// SPDX-License-Identifier: GPL-2.0-only
/*
 * process_vm_readv(2) and process_vm_writev(2).  The function below them knows
 * no more, and which of the two it is only by an argument that is not in a
 * register everywhere.  Addresses are in memory of the program: to read them
 * again could give others than the kernel used.
 */
#include <linux/types.h>
#include "../core/record.h"
#include "../engine/hook.h"
#include "process_vm.h"

static bool enter(struct ks_hook *hook, const struct ks_syscall *call, void *data)
{
	if (!ks_is_wanted(process_vm))
		return false;
	ks_target_find(data, call->arg[0]);
	return true;
}

static void leave(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	const struct ks_target *target = data;
	struct ks_event_process_vm *e;
	struct ks_record *record;
	struct ks_target late;

	if (!ks_is_wanted(process_vm))
		return;
	record = ks_record_begin(hook, process_vm);
	if (!record)
		return;
	if (!target) {
		ks_target_find(&late, call->arg[0]);
		target = &late;
	}
	e = ks_record_event(record, process_vm);
	e->kind = call->which ? KS_VM_WRITE : KS_VM_READ;
	e->pid = call->arg[0];
	e->pieces = call->arg[4];
	if (call->ret > 0)
		e->length = call->ret;
	else
		ks_absent(record, process_vm, length);
	if (call->ret < 0)
		e->result = call->ret;
	ks_process_vm_put(record, e, target);
	ks_record_commit(record);
}

#define CALLS	"process_vm_readv process_vm_writev"

static const struct ks_point points[] = {
	KS_SYSCALL_FROM(CALLS, enter, leave, sizeof(struct ks_target)),
	KS_SYS_EXIT(CALLS, leave),
	{}
};

struct ks_hook ks_hook_process_vm = {
	.name = "process_vm",
	.event = KS_EV_process_vm,
	.points = points,
};
