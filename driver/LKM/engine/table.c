// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hook table for who has the module's file only: `ksonde preflight` finds
 * this by its name in the symbols, and from it the rows, by the file's own
 * relocations.  Fields are appended; whoever changes one bumps the format.
 */
#include <linux/compiler.h>
#include <linux/stddef.h>
#include "../compat/fexit.h"
#include "../compat/ftrace.h"
#include "../compat/syscall.h"
#include "../core/schema.h"
#include "hook.h"

#define KS_TABLE_FORMAT	2

struct ks_table {
	u32 format;
	u32 hook_name;		/* offsets within struct ks_hook */
	u32 hook_event;
	u32 hook_always;
	u32 hook_points;
	u32 point_size;
	u32 point_mechanism;	/* offsets within struct ks_point */
	u32 point_target;
	u32 ftrace_works;	/* what the headers told the compat layer */
	u32 fexit_works;
	struct ks_hook * const *hooks;
	const char * const *syscall_prefixes;
	const u16 *event_ids;
	u32 hook_vital;		/* as hook_name */
};

static const struct ks_table ks_table __used = {
	.format = KS_TABLE_FORMAT,
	.hook_name = offsetof(struct ks_hook, name),
	.hook_event = offsetof(struct ks_hook, event),
	.hook_always = offsetof(struct ks_hook, always),
	.hook_points = offsetof(struct ks_hook, points),
	.point_size = sizeof(struct ks_point),
	.point_mechanism = offsetof(struct ks_point, mechanism),
	.point_target = offsetof(struct ks_point, target),
	.ftrace_works = KS_FTRACE_WORKS,
	.fexit_works = KS_FEXIT_WORKS,
	.hooks = ks_hooks,
	.syscall_prefixes = ks_syscall_prefixes,
	.event_ids = ks_event_ids,
	.hook_vital = offsetof(struct ks_hook, vital),
};
