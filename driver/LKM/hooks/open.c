// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file is opened by its name: open, openat, openat2, creat and io_uring all
 * come here, with the kernel's own copy of the name, and leave with the file.
 * The descriptor is not known yet, or not any more.  What exec opens is the
 * business of its own event.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include "../compat/namei.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

struct opening {
	/* The caller's: there until the return. */
	const struct filename *name;
	const struct ks_open_flags *flags;
};

static bool enter(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	struct opening *opening = data;

	opening->name = (const struct filename *)call->arg[1];
	opening->flags = (const struct ks_open_flags *)call->arg[2];
	return ks_is_wanted(open) && !IS_ERR_OR_NULL(opening->name) &&
	       !(opening->flags->open_flag & __FMODE_EXEC);
}

static __always_inline struct ks_record *
record_open(struct ks_hook *hook, const struct opening *opening)
{
	struct ks_event_open *e;
	struct ks_record *record;

	record = ks_record_begin(hook, open);
	if (!record)
		return NULL;
	e = ks_record_event(record, open);
	ks_record_text(record, &e->filename, opening->name->name);
	e->flags = opening->flags->open_flag;
	e->mode = opening->flags->mode & S_IALLUGO;
	e->resolve = ks_open_resolve(opening->flags);
	return record;
}

static __always_inline void tell(struct ks_hook *hook, long ret, const struct opening *opening)
{
	const struct file *file = (const struct file *)ret;
	struct ks_record *record = record_open(hook, opening);
	struct ks_event_open *e;

	if (!record)
		return;
	e = ks_record_event(record, open);
	e->result = IS_ERR(file) ? PTR_ERR(file) : 0;
	if (IS_ERR_OR_NULL(file) || !ks_path_put(record, &e->path, &file->f_path))
		ks_absent(record, open, path);
	ks_record_commit(record);
}

static void leave(struct ks_hook *hook, long ret, void *data)
{
	tell(hook, ret, data);
}

/* All that the entry has is kept to the return. */
static void left(struct ks_hook *hook, long ret, void *call)
{
	struct opening opening;

	if (enter(hook, call, &opening))
		tell(hook, ret, &opening);
}

static void asked(struct ks_hook *hook, const struct ks_call *call)
{
	struct opening opening;
	struct ks_record *record = NULL;

	if (enter(hook, call, &opening))
		record = record_open(hook, &opening);
	if (!record)
		return;
	ks_absent(record, open, path);
	ks_absent(record, open, result);
	ks_record_commit(record);
}

/* The last ones are for kernels whose kprobes cannot be where ftrace is: no result, no file. */
static const struct ks_point points[] = {
	KS_FEXIT_RETURN("do_filp_open", left),
	KS_FEXIT_RETURN("do_file_open", left),
	KS_KRETPROBE("do_filp_open do_file_open", enter, leave, sizeof(struct opening)),
	KS_FTRACE("do_filp_open", asked),
	KS_FTRACE("do_file_open", asked),
	{}
};

struct ks_hook ks_hook_open = {
	.name = "open",
	.event = KS_EV_open,
	.points = points,
};
