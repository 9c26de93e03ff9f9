// SPDX-License-Identifier: GPL-2.0-only
/*
 * The canaries.  A session that never scans has none.
 */
#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include "canary.h"
#include "mechanism.h"

struct ks_canary {
	const struct ks_mechanism *mechanism;
	struct ks_point point;
	/* NULL: it sings when the system call returns in which it was asked last. */
	void (*act)(void);
	struct ks_hook hook;
	atomic_t heard;
	int before;			/* heard when it was asked last */
	bool expected;			/* more than that */
	bool refused;
};

static void canary_hears(struct ks_hook *hook)
{
	atomic_inc(&container_of(hook, struct ks_canary, hook)->heard);
}

static void canary_entered(struct ks_hook *hook, const struct ks_call *call)
{
	canary_hears(hook);
}

static bool canary_called(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	return true;
}

static void canary_returned(struct ks_hook *hook, long ret, void *data)
{
	canary_hears(hook);
}

static void canary_module_get(void *hook, struct module *module, unsigned long ip)
{
	canary_hears(hook);
}

static void canary_exited(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	canary_hears(hook);
}

/* What nobody else does often, and harms nobody. */
static void canary_get_module(void)
{
	__module_get(THIS_MODULE);
	module_put(THIS_MODULE);
}

static void canary_call_kretprobe(void)
{
	ks_canary_kretprobe();
}

static void canary_call_fexit(void)
{
	ks_canary_fexit();
}

static struct ks_canary ks_canaries[] = {
	{
		.mechanism = &ks_mech_tracepoint,
		.point = KS_TRACEPOINT("module_get", canary_module_get),
		.act = canary_get_module,
	}, {
		.mechanism = &ks_mech_ftrace,
		.point = KS_FTRACE("ks_canary_ftrace", canary_entered),
		.act = ks_canary_ftrace,
	}, {
		.mechanism = &ks_mech_kprobe,
		.point = KS_KPROBE("ks_canary_kprobe", canary_entered),
		.act = ks_canary_kprobe,
	}, {
		.mechanism = &ks_mech_kretprobe,
		.point = KS_KRETPROBE("ks_canary_kretprobe", canary_called, canary_returned, 0),
		.act = canary_call_kretprobe,
	}, {
		.mechanism = &ks_mech_fexit,
		.point = KS_FEXIT_RETURN("ks_canary_fexit", canary_returned),
		.act = canary_call_fexit,
	}, {
		.mechanism = &ks_mech_sys_exit,
		.point = KS_SYS_EXIT("ioctl", canary_exited),
	},
};

static struct ks_canary *canary_find(const struct ks_mechanism *mechanism)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ks_canaries); i++) {
		if (ks_canaries[i].mechanism == mechanism)
			return &ks_canaries[i];
	}
	return NULL;
}

static bool canary_arm(struct ks_canary *canary)
{
	struct ks_hook *hook = &canary->hook;

	if (hook->attachment)
		return true;
	if (canary->refused)
		return false;
	hook->name = "canary";
	hook->event = KS_EVENTS;
	hook->stats = alloc_percpu(struct ks_hook_stats);
	if (!hook->stats)
		return false;
	canary->refused = canary->mechanism->attach(hook, &canary->point, &hook->attachment);
	if (!canary->refused)
		return true;
	free_percpu(hook->stats);
	hook->stats = NULL;
	return false;
}

/* Whether the call was heard in which it was asked before. */
static bool canary_sang(struct ks_canary *canary)
{
	int heard = atomic_read(&canary->heard);
	bool sang = !canary->expected || heard != canary->before;

	canary->before = heard;
	canary->expected = ks_sys_exit_hears(canary->hook.attachment);
	return sang;
}

bool ks_canary_sings(const struct ks_mechanism *mechanism)
{
	struct ks_canary *canary = canary_find(mechanism);
	int before;

	/* A kretprobe by a kprobe, whatever those of ks_mech_kretprobe are by. */
	if (mechanism == &ks_mech_syscall)
		return ks_canary_sings(&ks_mech_kprobe) && ks_canary_sings(&ks_mech_kretprobe);

	if (!canary || !canary_arm(canary))
		return true;
	if (!canary->act)
		return canary_sang(canary);
	before = atomic_read(&canary->heard);
	canary->act();
	return atomic_read(&canary->heard) != before;
}

void ks_canary_detach(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ks_canaries); i++) {
		if (ks_canaries[i].hook.attachment)
			ks_canaries[i].mechanism->detach(ks_canaries[i].hook.attachment);
		/* Another time it may not be. */
		ks_canaries[i].refused = false;
		ks_canaries[i].expected = false;
	}
}

void ks_canary_free(void)
{
	struct ks_hook *hook;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ks_canaries); i++) {
		hook = &ks_canaries[i].hook;
		if (!hook->attachment)
			continue;
		/* What could not be taken away may still be called. */
		if (!hook->attachment->stuck)
			free_percpu(hook->stats);
		hook->stats = NULL;
		ks_attachment_free(ks_canaries[i].mechanism, hook->attachment);
		hook->attachment = NULL;
	}
}
