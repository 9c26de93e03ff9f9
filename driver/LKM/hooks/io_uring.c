// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring: a ring is made, or the caller's credentials are registered with
 * one, so that whoever has the ring can have requests done with them.  The
 * flags are what the kernel itself says of a new ring; of one that was refused
 * there is only what the program's memory says.
 */
#include <linux/bitops.h>
#include <linux/cred.h>
#include <linux/string.h>
#include "../context/context.h"
#include "../context/credentials.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "note.h"

enum { SETUP = 1, PERSONALITY, OVERRIDE };

/* As ks_syscall's which counts. */
#define NAMES	"io_uring_setup io_uring_register"
enum { CALL_SETUP, CALL_REGISTER };

#define REGISTER_PERSONALITY	9
/* Since v6.3: the ring is not a descriptor but a number of another one. */
#define REGISTERED_RING		BIT(31)

#define SETUP_SQPOLL		2
/* Of struct io_uring_params. */
#define OFFSET_FLAGS		8

static void absent_setup(struct ks_record *record)
{
	ks_absent(record, io_uring, entries);
	ks_absent(record, io_uring, setup_flags);
	ks_absent(record, io_uring, sqpoll);
}

static void absent_override(struct ks_record *record)
{
	ks_absent(record, io_uring, new_uid);
	ks_absent(record, io_uring, new_euid);
	ks_absent(record, io_uring, new_gid);
	ks_absent(record, io_uring, new_egid);
	ks_absent(record, io_uring, new_cap_effective);
}

static void created(void *data, int fd, void *ring, u32 sq_entries, u32 cq_entries, u32 flags)
{
	struct ks_hook *hook = data;
	u64 token = ks_hook_enter(hook);

	if (ks_is_wanted(io_uring))
		ks_note_put(hook, KS_NOTE_IO_URING, &flags, sizeof(flags));
	ks_hook_leave(hook, token);
}

/* false: they cannot be had. */
static bool find_flags(struct ks_record *record, const struct ks_syscall *call, u32 *flags)
{
	if (ks_note_take(KS_NOTE_IO_URING, flags, sizeof(*flags)))
		return true;
	ks_record_flag(record, KSONDE_F_REREAD);
	return ks_user_copy(flags, call->arg[1] + OFFSET_FLAGS, sizeof(*flags)) == sizeof(*flags);
}

static bool is_told(const struct ks_syscall *call)
{
	return call->which == CALL_SETUP ||
	       ((u32)call->arg[1] & ~(u32)REGISTERED_RING) == REGISTER_PERSONALITY;
}

static bool enter(struct ks_hook *hook, const struct ks_syscall *call, void *data)
{
	if (!ks_is_wanted(io_uring) || !is_told(call))
		return false;
	ks_note_drop(KS_NOTE_IO_URING);
	return true;
}

static void put_setup(struct ks_record *record, struct ks_event_io_uring *e,
		      const struct ks_syscall *call)
{
	u32 flags;

	e->kind = SETUP;
	e->entries = call->arg[0];
	if (find_flags(record, call, &flags)) {
		e->setup_flags = flags;
		e->sqpoll = !!(flags & SETUP_SQPOLL);
	} else {
		ks_absent(record, io_uring, setup_flags);
		ks_absent(record, io_uring, sqpoll);
	}
	ks_absent(record, io_uring, ring);
}

static void leave(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	struct ks_event_io_uring *e;
	struct ks_record *record;

	if (!ks_is_wanted(io_uring) || !is_told(call))
		return;
	record = ks_record_begin(hook, io_uring);
	if (!record)
		return;
	e = ks_record_event(record, io_uring);
	if (call->which == CALL_SETUP) {
		put_setup(record, e, call);
	} else {
		e->kind = PERSONALITY;
		e->ring = call->arg[0];
		absent_setup(record);
	}
	e->result = call->ret;
	absent_override(record);
	ks_record_commit(record);
}

/* What a request may do is not what its task may: else nobody gains anything. */
static void override(struct ks_hook *hook, const struct ks_call *call)
{
	const struct cred *cred = (const struct cred *)call->arg[0];
	struct ks_credentials old, new;
	struct ks_event_io_uring *e;
	struct ks_record *record;

	if (!ks_is_wanted(io_uring) || cred == current_cred())
		return;
	ks_credentials_of(current_cred(), &old);
	ks_credentials_of(cred, &new);
	if (!memcmp(&old, &new, sizeof(old)))
		return;
	record = ks_record_begin(hook, io_uring);
	if (!record)
		return;
	e = ks_record_event(record, io_uring);
	e->kind = OVERRIDE;
	e->new_uid = new.uid;
	e->new_euid = new.euid;
	e->new_gid = new.gid;
	e->new_egid = new.egid;
	e->new_cap_effective = new.cap_effective;
	absent_setup(record);
	ks_absent(record, io_uring, ring);
	ks_absent(record, io_uring, result);
	ks_record_commit(record);
}

/* Kernels before v5.1 have no io_uring. */
static const struct ks_point points[] = {
	KS_SYSCALL_FROM(NAMES, enter, leave, 0),
	KS_SYS_EXIT(NAMES, leave),
	{}
};

struct ks_hook ks_hook_io_uring = {
	.name = "io_uring",
	.event = KS_EV_io_uring,
	.points = points,
};

static const struct ks_point points_created[] = {
	KS_TRACEPOINT("io_uring_create", created),
	{}
};

struct ks_hook ks_hook_io_uring_created = {
	.name = "io_uring_created",
	.event = KS_EV_io_uring,
	.points = points_created,
};

/* Since v5.16, cdc1404a4046. */
static const struct ks_point points_override[] = {
	KS_FTRACE("security_uring_override_creds", override),
	KS_KPROBE("security_uring_override_creds", override),
	{}
};

struct ks_hook ks_hook_io_uring_override = {
	.name = "io_uring_override",
	.event = KS_EV_io_uring,
	.points = points_override,
};
