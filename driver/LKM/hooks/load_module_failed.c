// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel module was refused, or its init function failed: then there is a
 * record of stage 1 before.
 */
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

static void load_module_failed(struct ks_hook *hook, const struct ks_syscall *call,
			       const void *data)
{
	struct ks_event_load_module *e;
	struct ks_record *record;

	if (!ks_is_wanted(load_module) || call->ret >= 0)
		return;
	record = ks_record_begin(hook, load_module);
	if (!record)
		return;
	e = ks_record_event(record, load_module);
	e->stage = 2;
	e->result = call->ret;
	/* The second one has a descriptor. */
	if (!call->which ||
	    !ks_path_put_fd(record, &e->file, call->arg[0]))
		ks_absent(record, load_module, file);
	if (!ks_path_put_cwd(record, &e->cwd))
		ks_absent(record, load_module, cwd);
	ks_context_ancestors(record, &e->ancestors);
	ks_absent(record, load_module, name);
	ks_absent(record, load_module, size);
	ks_absent(record, load_module, taints);
	ks_absent(record, load_module, signature);
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_SYSCALL("init_module finit_module", load_module_failed),
	KS_SYS_EXIT("init_module finit_module", load_module_failed),
	{}
};

struct ks_hook ks_hook_load_module_failed = {
	.name = "load_module_failed",
	.event = KS_EV_load_module,
	.points = points,
};
