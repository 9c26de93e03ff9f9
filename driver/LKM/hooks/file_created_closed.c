// SPDX-License-Identifier: GPL-2.0-only
/* A file that did not exist before it was opened is closed. */
#include "closed.h"

static void __maybe_unused file_created_closed(struct ks_hook *hook, const struct ks_call *call)
{
	const struct file *file = (const struct file *)call->arg[0];
	struct ks_record *record;

	if (!ks_is_wanted(file_created_closed) ||
	    !ks_closes(file, KS_FMODE_CREATED, KS_FMODE_CREATED))
		return;
	record = ks_record_begin_about(hook, file_created_closed, &file->f_path);
	if (record)
		ks_closed_record(record, file);
}

static const struct ks_point points[] = {
	/* Not before v4.19. */
	KS_IF_FMODE_CREATED(KS_FTRACE_IF("locks_remove_file", file_created_closed, struct file,
					 f_mode, KS_FMODE_CREATED))
	KS_IF_FMODE_CREATED(KS_KPROBE("locks_remove_file", file_created_closed))
	KS_IF_FMODE_CREATED(KS_FTRACE_IF("__fput", file_created_closed, struct file, f_mode,
					 KS_FMODE_CREATED))
	KS_IF_FMODE_CREATED(KS_KPROBE("__fput", file_created_closed))
	{}
};

struct ks_hook ks_hook_file_created_closed = {
	.name = "file_created_closed",
	.event = KS_EV_file_created_closed,
	.points = points,
};
