// SPDX-License-Identifier: GPL-2.0-only
/* A kernel module was accepted; its init function runs next. */
#include <linux/sched.h>
#include "../compat/module.h"
#include "../compat/unistd.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

/* Best effort: another thread may have put another file there meanwhile. */
static bool put_file(struct ks_record *record, struct ks_event_load_module *e)
{
	unsigned long arg[6];
	int nr;

	if (current->flags & PF_KTHREAD)
		return false;
	nr = ks_current_syscall(arg);
	return ks_is_finit_module(nr, ks_syscall_is_compat()) &&
	       ks_path_put_fd(record, &e->file, arg[0]);
}

static void record_load(struct ks_hook *hook, const struct module *mod)
{
	struct ks_event_load_module *e;
	struct ks_record *record;
	bool valid;

	record = ks_record_begin(hook, load_module);
	if (!record)
		return;
	e = ks_record_event(record, load_module);
	e->stage = 1;
	ks_record_string(record, &e->name, mod->name, strnlen(mod->name, sizeof(mod->name)));
	if (!put_file(record, e))
		ks_absent(record, load_module, file);
	e->size = ks_module_size(mod);
	e->taints = mod->taints;
	if (ks_module_signature(mod, &valid))
		e->signature = valid;
	else
		ks_absent(record, load_module, signature);
	if (!ks_path_put_cwd(record, &e->cwd))
		ks_absent(record, load_module, cwd);
	ks_context_ancestors(record, &e->ancestors);
	ks_absent(record, load_module, result);
	ks_record_commit(record);
}

static void module_load(void *data, struct module *mod)
{
	struct ks_hook *hook = data;
	u64 token = ks_hook_enter(hook);

	if (ks_is_wanted(load_module))
		record_load(hook, mod);
	ks_hook_leave(hook, token);
}

static const struct ks_point points[] = {
	KS_TRACEPOINT("module_load", module_load),
	{}
};

struct ks_hook ks_hook_load_module = {
	.name = "load_module",
	.event = KS_EV_load_module,
	.points = points,
};
