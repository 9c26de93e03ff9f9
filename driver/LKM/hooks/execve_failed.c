// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program was not executed.  -ENOENT is left out: that is how a shell
 * searches PATH.  So is, with the same error, a file that exists while its
 * interpreter does not: to tell them apart means to look the path up, which
 * sleeps.
 *
 * Where the old program was gone when it failed, its memory is as well, and
 * what the call was given is absent.
 */
#include <linux/errno.h>
#include "../engine/hook.h"
#include "execve.h"

static void put_arguments(struct ks_record *record, struct ks_event_execve *e,
			  const struct ks_syscall *call)
{
	/* The second one has a descriptor before. */
	int shift = call->which;
	unsigned long value[KS_VARIABLES];
	struct ks_vector argv;

	ks_record_flag(record, KSONDE_F_REREAD);
	if (!ks_user_string(record, &e->filename, call->arg[shift]))
		ks_absent(record, execve, filename);
	if (!ks_user_vector(record, &e->argv, call->arg[shift + 1], call->compat, &argv))
		ks_absent(record, execve, argv);
	e->argc = argv.count;
	if (!argv.whole)
		ks_absent(record, execve, argc);
	e->argv_bytes = argv.bytes;
	if (!argv.whole || (argv.count && !argv.bytes))
		ks_absent(record, execve, argv_bytes);
	if (!ks_user_environment_array(call->arg[shift + 2], call->compat, value))
		ks_record_flag(record, KSONDE_F_TRUNCATED);
	ks_execve_environment(record, e, value);
}

static void execve_failed(struct ks_hook *hook, const struct ks_syscall *call,
			  const void *data)
{
	struct ks_event_execve *e;
	struct ks_record *record;

	if (!ks_is_wanted(execve) || call->ret >= 0 || call->ret == -ENOENT)
		return;
	record = ks_record_begin(hook, execve);
	if (!record)
		return;
	e = ks_record_event(record, execve);
	e->result = call->ret;
	/* First, so that no long argument crowds them out. */
	ks_context_ancestors(record, &e->ancestors);
	put_arguments(record, e, call);
	ks_execve_surroundings(record, e);
	ks_absent(record, execve, interpreter);
	ks_absent(record, execve, inode);
	ks_absent(record, execve, device);
	ks_absent(record, execve, mtime);
	ks_absent(record, execve, file_flags);
	ks_absent(record, execve, elevation);
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_SYSCALL("execve execveat", execve_failed),
	KS_SYS_EXIT("execve execveat", execve_failed),
	{}
};

struct ks_hook ks_hook_execve_failed = {
	.name = "execve_failed",
	.event = KS_EV_execve,
	.points = points,
};
