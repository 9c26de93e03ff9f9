// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file is made that only memory holds.  Its name is the kernel's own, of the
 * file that the new descriptor leads to; of what was refused there is only
 * what the caller's memory says.
 */
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "../compat/file.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

#define PREFIX		"memfd:"
#define PREFIX_LENGTH	(sizeof(PREFIX) - 1)

static bool put_kernels_name(struct ks_record *record, struct ksonde_ref *ref, int fd)
{
	struct file *file = ks_file_of(fd);
	const struct qstr *name;
	bool known = false;

	if (!file)
		return false;
	/* Nothing renames such a file. */
	name = &file->f_path.dentry->d_name;
	if (name->len >= PREFIX_LENGTH && !memcmp(name->name, PREFIX, PREFIX_LENGTH)) {
		ks_record_string(record, ref, name->name + PREFIX_LENGTH,
				 name->len - PREFIX_LENGTH);
		known = true;
	}
	fput(file);
	return known;
}

static void leave(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	struct ks_event_memfd_create *e;
	struct ks_record *record;

	if (!ks_is_wanted(memfd_create))
		return;
	record = ks_record_begin(hook, memfd_create);
	if (!record)
		return;
	e = ks_record_event(record, memfd_create);
	e->memfd_flags = call->arg[1];
	e->result = call->ret;
	if (!put_kernels_name(record, &e->name, call->ret)) {
		ks_record_flag(record, KSONDE_F_REREAD);
		if (!ks_user_string(record, &e->name, call->arg[0]))
			ks_absent(record, memfd_create, name);
	}
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_SYSCALL("memfd_create", leave),
	KS_SYS_EXIT("memfd_create", leave),
	{}
};

struct ks_hook ks_hook_memfd_create = {
	.name = "memfd_create",
	.event = KS_EV_memfd_create,
	.points = points,
};
