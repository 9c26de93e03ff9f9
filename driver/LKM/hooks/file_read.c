// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file that could be read only is closed.  What exec opens is the business of
 * its own event.
 */
#include "closed.h"

static void file_read(struct ks_hook *hook, const struct ks_call *call)
{
	const struct file *file = (const struct file *)call->arg[0];
	struct ks_record *record;

	if (!ks_is_wanted(file_read) || file->f_flags & __FMODE_EXEC ||
	    !ks_closes(file, FMODE_READ | FMODE_WRITE, FMODE_READ))
		return;
	record = ks_record_begin_about(hook, file_read, &file->f_path);
	if (record)
		ks_closed_record(record, file);
}

static const struct ks_point points[] = {
	KS_FTRACE_IF("locks_remove_file", file_read, struct file, f_mode, FMODE_READ),
	KS_KPROBE("locks_remove_file", file_read),
	KS_FTRACE_IF("__fput", file_read, struct file, f_mode, FMODE_READ),
	KS_KPROBE("__fput", file_read),
	{}
};

struct ks_hook ks_hook_file_read = {
	.name = "file_read",
	.event = KS_EV_file_read,
	.points = points,
};
