// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another kernel is loaded: kexec_load and kexec_file_load.  The files are what
 * the descriptors lead to when the call has ended, the command line is what the
 * program's memory has then.
 */
#include <linux/kernel.h>
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

/* As ks_syscall's which counts, from 1. */
enum { LOAD = 1, FILE_LOAD };
#define NAMES	"kexec_load? kexec_file_load?"

/* Of KEXEC_FILE_*: no file is looked at, no initial RAM disk. */
#define UNLOAD		1
#define NO_INITRAMFS	4

/* false: there is none, or it cannot be had.  The last byte is a NUL, or the kernel refuses it. */
static bool put_command_line(struct ks_record *record, struct ksonde_ref *ref,
			     unsigned long address, unsigned long length)
{
	const size_t kept = min_t(size_t, length, KSONDE_STRING_MAX);

	if (!length)
		return false;
	ks_record_flag(record, KSONDE_F_REREAD);
	if (kept < length)
		ks_record_flag(record, KSONDE_F_TRUNCATED);
	ks_user_block(record, ref, address, kept);
	if (!ref->length)
		return false;
	if (!record->data[ref->offset + ref->length - 1])
		ref->length--;
	return true;
}

static void put_files(struct ks_record *record, struct ks_event_kexec *e,
		      const struct ks_syscall *call)
{
	const bool files = e->kind == FILE_LOAD && !(e->kexec_flags & UNLOAD);

	if (!files || !ks_path_put_fd(record, &e->kernel, call->arg[0]))
		ks_absent(record, kexec, kernel);
	if (!files || (e->kexec_flags & NO_INITRAMFS) ||
	    !ks_path_put_fd(record, &e->initrd, call->arg[1]))
		ks_absent(record, kexec, initrd);
	if (!files || !put_command_line(record, &e->command_line, call->arg[3], call->arg[2]))
		ks_absent(record, kexec, command_line);
}

static void loaded(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	struct ks_event_kexec *e;
	struct ks_record *record;

	if (!ks_is_wanted(kexec))
		return;
	record = ks_record_begin(hook, kexec);
	if (!record)
		return;
	e = ks_record_event(record, kexec);
	e->kind = call->which + 1;
	if (e->kind == LOAD) {
		e->entry = call->arg[0];
		e->segments = call->arg[1];
		e->kexec_flags = call->arg[3];
	} else {
		e->kexec_flags = call->arg[4];
		ks_absent(record, kexec, entry);
		ks_absent(record, kexec, segments);
	}
	e->result = call->ret;
	put_files(record, e, call);
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_SYSCALL(NAMES, loaded),
	KS_SYS_EXIT(NAMES, loaded),
	{}
};

struct ks_hook ks_hook_kexec = {
	.name = "kexec",
	.event = KS_EV_kexec,
	.points = points,
};
