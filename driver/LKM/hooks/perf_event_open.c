// SPDX-License-Identifier: GPL-2.0-only
/*
 * perf_event_open(2).  What is asked for is the kernel's copy, noted where the
 * event is made of it: security modules are asked first when there is no copy
 * yet, and since v6.15 are not shown it.  What is refused before that is read
 * from the program again.
 */
#include <linux/kernel.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include "../compat/uaccess.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "note.h"
#include "target.h"

/* The beginning of struct perf_event_attr, all its versions have this. */
#define ATTR_BYTES	(offsetofend(struct perf_event_attr, read_format) + sizeof(u64))

struct asked {
	u32 type;
	u64 config;
	bool exclude_user;
	bool exclude_kernel;
	bool exclude_hv;
};

static void ask(struct asked *asked, const struct perf_event_attr *attr)
{
	asked->type = attr->type;
	asked->config = attr->config;
	asked->exclude_user = attr->exclude_user;
	asked->exclude_kernel = attr->exclude_kernel;
	asked->exclude_hv = attr->exclude_hv;
}

/* (attr, cpu, task, group leader, parent): those of a parent are made by fork. */
static void note(struct ks_hook *hook, const struct ks_call *call)
{
	struct perf_event_attr attr = {};
	struct asked asked = {};

	if (!ks_is_wanted(perf_event_open) || call->arg[4])
		return;
	if (copy_from_kernel_nofault(&attr, (const void *)call->arg[0], ATTR_BYTES))
		return;
	ask(&asked, &attr);
	ks_note_put(hook, KS_NOTE_PERF, &asked, sizeof(asked));
}

/* false: nobody knows. */
static bool find_asked(struct ks_record *record, const struct ks_syscall *call, bool entered,
		       struct asked *asked)
{
	struct perf_event_attr attr = {};

	/* Nobody has dropped what is not of this call: only what succeeded has come there. */
	if ((entered || call->ret >= 0) && ks_note_take(KS_NOTE_PERF, asked, sizeof(*asked)))
		return true;
	ks_record_flag(record, KSONDE_F_REREAD);
	if (ks_user_copy(&attr, call->arg[0], ATTR_BYTES) < ATTR_BYTES)
		return false;
	ask(asked, &attr);
	return true;
}

static void put_asked(struct ks_record *record, struct ks_event_perf_event_open *e,
		      const struct asked *asked)
{
	if (!asked) {
		ks_absent(record, perf_event_open, type);
		ks_absent(record, perf_event_open, config);
		ks_absent(record, perf_event_open, exclude_user);
		ks_absent(record, perf_event_open, exclude_kernel);
		ks_absent(record, perf_event_open, exclude_hv);
		return;
	}
	e->type = asked->type;
	e->config = asked->config;
	e->exclude_user = asked->exclude_user;
	e->exclude_kernel = asked->exclude_kernel;
	e->exclude_hv = asked->exclude_hv;
}

static void find_target(struct ks_target *target, const struct ks_syscall *call)
{
	const int pid = call->arg[1];

	target->known = false;
	if (call->arg[4] & PERF_FLAG_PID_CGROUP)
		return;
	ks_target_find(target, pid);
	if (!pid) {
		ks_process_identify(current, &target->process);
		target->known = true;
	}
}

static bool enter(struct ks_hook *hook, const struct ks_syscall *call, void *data)
{
	if (!ks_is_wanted(perf_event_open))
		return false;
	find_target(data, call);
	ks_note_drop(KS_NOTE_PERF);
	return true;
}

static void leave(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	const struct ks_target *target = data;
	struct ks_event_perf_event_open *e;
	struct ks_record *record;
	struct ks_target late;
	struct asked asked;

	if (!ks_is_wanted(perf_event_open))
		return;
	record = ks_record_begin(hook, perf_event_open);
	if (!record)
		return;
	if (!target) {
		find_target(&late, call);
		target = &late;
	}
	e = ks_record_event(record, perf_event_open);
	e->pid = call->arg[1];
	e->on_cpu = call->arg[2];
	e->group = call->arg[3];
	e->open_flags = call->arg[4];
	e->result = call->ret;
	put_asked(record, e, find_asked(record, call, data, &asked) ? &asked : NULL);
	if (!ks_target_put(target, &e->target_tgid, &e->target_start_time)) {
		ks_absent(record, perf_event_open, target_tgid);
		ks_absent(record, perf_event_open, target_start_time);
	}
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_SYSCALL_FROM("perf_event_open", enter, leave, sizeof(struct ks_target)),
	KS_SYS_EXIT("perf_event_open", leave),
	{}
};

struct ks_hook ks_hook_perf_event_open = {
	.name = "perf_event_open",
	.event = KS_EV_perf_event_open,
	.points = points,
};

/* A kprobe first: up to v5.15 kernel/events/core.c is built without what ftrace needs. */
static const struct ks_point points_asked[] = {
	KS_KPROBE("perf_event_alloc", note),
	KS_FTRACE("perf_event_alloc", note),
	{}
};

struct ks_hook ks_hook_perf_asked = {
	.name = "perf_asked",
	.event = KS_EV_perf_event_open,
	.points = points_asked,
};
