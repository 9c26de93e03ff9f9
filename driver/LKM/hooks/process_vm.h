/* SPDX-License-Identifier: GPL-2.0-only */
/* What the hooks of event process_vm share. */
#ifndef KS_HOOKS_PROCESS_VM_H
#define KS_HOOKS_PROCESS_VM_H

#include "../core/record.h"
#include "target.h"

enum { KS_VM_READ = 1, KS_VM_WRITE, KS_VM_MEM };

static inline void ks_process_vm_put(struct ks_record *record, struct ks_event_process_vm *e,
				     const struct ks_target *target)
{
	if (!ks_target_put(target, &e->target_tgid, &e->target_start_time)) {
		ks_absent(record, process_vm, target_tgid);
		ks_absent(record, process_vm, target_start_time);
	}
	if (!target->known || !ks_process_put_exe_of(record, &e->target_exe, &target->process))
		ks_absent(record, process_vm, target_exe);
}

#endif /* KS_HOOKS_PROCESS_VM_H */
