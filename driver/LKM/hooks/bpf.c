// SPDX-License-Identifier: GPL-2.0-only
/*
 * bpf(2), as far as it brings something into the kernel.  What is asked for is
 * the kernel's copy, which it shows to security modules; what is refused before
 * that is read from the program again.  Programs that are loaded by a program
 * of type SYSCALL, or by the kernel, come to the same function.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "note.h"

enum {
	MAP_CREATE	= 0,
	PROG_LOAD	= 5,
	PROG_ATTACH	= 8,
	LINK_CREATE	= 28,
};

#define NAME_MAX_BYTES	16

/* The beginning of union bpf_attr, which has grown since; beyond the caller's size it is zero. */
union attr {
	struct {
		u32 prog_type;
		u32 insn_cnt;
		u64 insns;
		u64 license;
		u32 log_level;
		u32 log_size;
		u64 log_buf;
		u32 kern_version;
		u32 prog_flags;
		u8 prog_name[NAME_MAX_BYTES];
		u32 prog_ifindex;
		u32 expected_attach_type;
	} load;
	struct {
		u32 map_type;
		u32 key_size;
		u32 value_size;
		u32 max_entries;
		u32 map_flags;
		u32 inner_map_fd;
		u32 numa_node;
		u8 map_name[NAME_MAX_BYTES];
	} map;
	struct {
		u32 program_or_target;
		u32 target_or_program;
		u32 attach_type;
	} attach;
};

struct asking {
	u32 command;
	u32 size;
	unsigned long address;	/* of the caller's attributes, 0: not a program's */
};

static bool is_told(u32 command)
{
	return command == MAP_CREATE || command == PROG_LOAD || command == PROG_ATTACH ||
	       command == LINK_CREATE;
}

static void note(struct ks_hook *hook, const struct ks_call *call)
{
	union attr attr = {};

	BUILD_BUG_ON(sizeof(attr) > KS_NOTE_BYTES);
	if (!ks_is_wanted(bpf) || !is_told(call->arg[0]))
		return;
	memcpy(&attr, (const void *)call->arg[1], min_t(size_t, (u32)call->arg[2], sizeof(attr)));
	ks_note_put(hook, KS_NOTE_BPF, &attr, sizeof(attr));
}

/* false: nobody knows what was asked for. */
static bool find_attr(struct ks_record *record, const struct asking *asking, union attr *attr)
{
	size_t size = min_t(size_t, asking->size, sizeof(*attr));

	if (ks_note_take(KS_NOTE_BPF, attr, sizeof(*attr)))
		return true;
	if (!asking->address)
		return false;
	ks_record_flag(record, KSONDE_F_REREAD);
	return size >= sizeof(attr->load.prog_type) &&
	       ks_user_copy(attr, asking->address, size) == size;
}

static void put_name(struct ks_record *record, struct ksonde_ref *ref, const u8 *name)
{
	ks_record_string(record, ref, name, strnlen((const char *)name, NAME_MAX_BYTES));
}

static void put_attr(struct ks_record *record, struct ks_event_bpf *e, const union attr *attr)
{
	const u32 command = attr ? e->command : ~0U;

	if (command == PROG_LOAD) {
		e->program_type = attr->load.prog_type;
		e->instructions = attr->load.insn_cnt;
		e->attach_type = attr->load.expected_attach_type;
		put_name(record, &e->name, attr->load.prog_name);
	} else {
		ks_absent(record, bpf, program_type);
		ks_absent(record, bpf, instructions);
	}
	if (command == MAP_CREATE) {
		e->map_type = attr->map.map_type;
		put_name(record, &e->name, attr->map.map_name);
	} else {
		ks_absent(record, bpf, map_type);
	}
	if (command == PROG_ATTACH || command == LINK_CREATE)
		e->attach_type = attr->attach.attach_type;
	else if (command != PROG_LOAD)
		ks_absent(record, bpf, attach_type);
	if (command != PROG_LOAD && command != MAP_CREATE)
		ks_absent(record, bpf, name);
}

static void record_bpf(struct ks_hook *hook, const struct asking *asking, long ret)
{
	struct ks_event_bpf *e;
	struct ks_record *record;
	union attr attr = {};

	record = ks_record_begin(hook, bpf);
	if (!record)
		return;
	e = ks_record_event(record, bpf);
	e->command = asking->command;
	e->result = ret;
	put_attr(record, e, find_attr(record, asking, &attr) ? &attr : NULL);
	ks_record_commit(record);
}

/* The attributes' address has a second word, one bit of which says that it is the kernel's. */
static bool enter(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	struct asking *asking = data;

	if (!ks_is_wanted(bpf) || !is_told(call->arg[0]))
		return false;
	asking->command = call->arg[0];
	asking->address = (call->arg[2] & 1) ? 0 : call->arg[1];
	asking->size = call->arg[3];
	ks_note_drop(KS_NOTE_BPF);
	return true;
}

static void leave(struct ks_hook *hook, long ret, void *data)
{
	record_bpf(hook, data, ret);
}

static bool enter_call(struct ks_hook *hook, const struct ks_syscall *call, void *data)
{
	if (!ks_is_wanted(bpf) || !is_told(call->arg[0]))
		return false;
	ks_note_drop(KS_NOTE_BPF);
	return true;
}

static void leave_call(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	const struct asking asking = { call->arg[0], call->arg[2], call->arg[1] };

	if (ks_is_wanted(bpf) && is_told(asking.command))
		record_bpf(hook, &asking, call->ret);
}

/* __sys_bpf() is there since v5.14, af2ac3e13e45. */
static const struct ks_point points[] = {
	KS_KRETPROBE("__sys_bpf", enter, leave, sizeof(struct asking)),
	KS_SYSCALL_FROM("bpf", enter_call, leave_call, 0),
	KS_SYS_EXIT("bpf", leave_call),
	{}
};

struct ks_hook ks_hook_bpf = {
	.name = "bpf",
	.event = KS_EV_bpf,
	.points = points,
};

static const struct ks_point points_asked[] = {
	KS_FTRACE("security_bpf", note),
	KS_KPROBE("security_bpf", note),
	{}
};

struct ks_hook ks_hook_bpf_asked = {
	.name = "bpf_asked",
	.event = KS_EV_bpf,
	.points = points_asked,
};
