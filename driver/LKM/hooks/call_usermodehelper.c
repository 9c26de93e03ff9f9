// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel runs a program: to load a module, for a core dump, to power off.
 * The process of the record is the one on whose behalf it happens.  The caller
 * is the function that the call returns to: that of call_usermodehelper(), too,
 * as this ends with a jump.
 */
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/umh.h>
#include "../core/record.h"
#include "../engine/hook.h"

/* More is not counted: whoever has that many writes them wrongly. */
#define KS_ARGUMENTS_MAX	4096

/* Appends them, each with its NUL; gives their number. */
static u32 put_argv(struct ks_record *record, struct ksonde_ref *ref, char **argv)
{
	size_t size = KSONDE_VECTOR_MAX, used = 0, length;
	char *room = ks_record_room(record, &size);
	u32 count;

	if (!room)
		size = 0;
	for (count = 0; argv && argv[count] && count < KS_ARGUMENTS_MAX; count++) {
		length = strnlen(argv[count], size - used);
		memcpy(room + used, argv[count], length);
		used += length;
		if (used < size)
			room[used++] = '\0';
		else
			ks_record_flag(record, KSONDE_F_TRUNCATED);
	}
	if (used)
		ks_record_keep(record, ref, room, used);
	return count;
}

/* "function" or "function [module]"; a number where there is none. */
static void put_caller(struct ks_record *record, struct ks_event_call_usermodehelper *e)
{
	char text[KSYM_SYMBOL_LEN];
	char *module;

	/* The call may be the last of its function: the address is then the next one's. */
	sprint_symbol_no_offset(text, e->caller_address - 1);
	module = strstr(text, " [");
	if (module) {
		*module = '\0';
		module += 2;
		ks_record_string(record, &e->caller_module, module, strcspn(module, "]"));
	} else {
		ks_absent(record, call_usermodehelper, caller_module);
	}
	if (strncmp(text, "0x", 2))
		ks_record_text(record, &e->caller, text);
	else
		ks_absent(record, call_usermodehelper, caller);
}

static void execute(struct ks_hook *hook, const struct ks_call *call)
{
	const struct subprocess_info *info = (const struct subprocess_info *)call->arg[0];
	struct ks_event_call_usermodehelper *e;
	struct ks_record *record;

	/* Without a path it does nothing, and says that all is well. */
	if (!ks_is_wanted(call_usermodehelper) || !info->path || !*info->path)
		return;
	record = ks_record_begin(hook, call_usermodehelper);
	if (!record)
		return;
	e = ks_record_event(record, call_usermodehelper);
	ks_record_text(record, &e->path, info->path);
	e->argc = put_argv(record, &e->argv, info->argv);
	e->wait = call->arg[1];
	e->caller_address = call->caller;
	put_caller(record, e);
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_FTRACE("call_usermodehelper_exec", execute),
	KS_KPROBE("call_usermodehelper_exec", execute),
	{}
};

struct ks_hook ks_hook_call_usermodehelper = {
	.name = "call_usermodehelper",
	.event = KS_EV_call_usermodehelper,
	.points = points,
};
