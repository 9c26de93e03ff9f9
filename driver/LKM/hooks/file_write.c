// SPDX-License-Identifier: GPL-2.0-only
/* A file that could be written to is closed; whether it was, its mtime tells. */
#include "closed.h"

static void file_write(struct ks_hook *hook, const struct ks_call *call)
{
	const struct file *file = (const struct file *)call->arg[0];
	struct ks_record *record;

	if (!ks_is_wanted(file_write) || !ks_closes(file, FMODE_WRITE, FMODE_WRITE))
		return;
	record = ks_record_begin_about(hook, file_write, &file->f_path);
	if (record)
		ks_closed_record(record, file);
}

static const struct ks_point points[] = {
	KS_FTRACE_IF("locks_remove_file", file_write, struct file, f_mode, FMODE_WRITE),
	KS_KPROBE("locks_remove_file", file_write),
	KS_FTRACE_IF("__fput", file_write, struct file, f_mode, FMODE_WRITE),
	KS_KPROBE("__fput", file_write),
	{}
};

struct ks_hook ks_hook_file_write = {
	.name = "file_write",
	.event = KS_EV_file_write,
	.points = points,
};
