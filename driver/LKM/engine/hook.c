// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hook table: who wants which row, and by which candidate it is armed.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include "../compat/rcupdate.h"
#include "../core/schema.h"
#include "canary.h"
#include "hook.h"
#include "mechanism.h"

static char *prefer = "";
module_param(prefer, charp, 0444);
MODULE_PARM_DESC(prefer, "mechanism that is tried first: tracepoint, ftrace, kprobe, kretprobe, syscall, sys_exit, notifier, netfilter, fexit");

static char *observe_nothing = "";
module_param(observe_nothing, charp, 0444);
MODULE_PARM_DESC(observe_nothing, "why no hook may be armed; sessions work and tell it");

#define KS_HOOK(name) &ks_hook_##name,
struct ks_hook * const ks_hooks[] = {
#include "../hooks/table.h"
	NULL
};
#undef KS_HOOK

static const struct ks_mechanism * const ks_mechanisms[] = {
	[KSONDE_MECH_TRACEPOINT]	= &ks_mech_tracepoint,
	[KSONDE_MECH_FTRACE]		= &ks_mech_ftrace,
	[KSONDE_MECH_KPROBE]		= &ks_mech_kprobe,
	[KSONDE_MECH_KRETPROBE]		= &ks_mech_kretprobe,
	[KSONDE_MECH_SYSCALL]		= &ks_mech_syscall,
	[KSONDE_MECH_SYS_EXIT]		= &ks_mech_sys_exit,
	[KSONDE_MECH_NOTIFIER]		= &ks_mech_notifier,
	[KSONDE_MECH_NETFILTER]		= &ks_mech_netfilter,
	[KSONDE_MECH_FEXIT]		= &ks_mech_fexit,
};

static DEFINE_MUTEX(ks_engine_lock);

void ks_attachment_is_stuck(struct ks_attachment *attachment)
{
	if (attachment->stuck)
		return;
	attachment->stuck = true;
	__module_get(THIS_MODULE);
	pr_err("the kernel could not take a probe of %s away: the module stays until the next boot\n",
	       attachment->hook->name);
}

void ks_engine_wanted(void)
{
	mutex_lock(&ks_engine_lock);
	ks_ftrace_wanted();
	mutex_unlock(&ks_engine_lock);
}

bool ks_engine_observes(void)
{
	return !*observe_nothing;
}

unsigned int ks_engine_hooks(void)
{
	return ARRAY_SIZE(ks_hooks) - 1;
}

bool ks_engine_serves(const struct ks_hook *hook, u64 events)
{
	return hook->always || (hook->event < KS_EVENTS && (events & BIT_ULL(hook->event)));
}

/* A fexit costs less than what stands behind it, but records no more. */
static bool hook_is_whole(const struct ks_hook *hook, const struct ks_point *taken)
{
	const struct ks_point *point = hook->points;

	while (point != taken && point->mechanism == KSONDE_MECH_FEXIT)
		point++;
	return point == taken;
}

static bool hook_try(struct ks_hook *hook, const struct ks_point *point)
{
	int err = ks_mechanisms[point->mechanism]->attach(hook, point, &hook->attachment);

	ks_hook_say(hook, ks_mechanisms[point->mechanism]->name, point->target, err);
	if (err)
		return false;
	hook->taken = point;
	hook->state = hook_is_whole(hook, point) ? KSONDE_HOOK_ARMED : KSONDE_HOOK_DEGRADED;
	return true;
}

/* By the first point that can be. */
static bool hook_attach_any(struct ks_hook *hook)
{
	const struct ks_point *point = hook->points;

	if (!point->mechanism)
		strscpy(hook->detail, "this kernel does not tell what it takes\n",
			sizeof(hook->detail));
	for (point = hook->points; point->mechanism; point++) {
		if (!strcmp(ks_mechanisms[point->mechanism]->name, prefer) &&
		    hook_try(hook, point))
			return true;
	}
	for (point = hook->points; point->mechanism; point++) {
		if (strcmp(ks_mechanisms[point->mechanism]->name, prefer) &&
		    hook_try(hook, point))
			return true;
	}
	return false;
}

static void hook_release(struct ks_hook *hook)
{
	if (hook->prepared && hook->release)
		hook->release();
	hook->prepared = false;
}

static void hook_is_unavailable(struct ks_hook *hook)
{
	hook->state = KSONDE_HOOK_UNAVAILABLE;
	pr_warn("hook %s is unavailable: %s", hook->name, hook->detail);
}

static void hook_attach(struct ks_hook *hook)
{
	int err;

	hook->detail[0] = '\0';
	if (!ks_engine_observes()) {
		scnprintf(hook->detail, sizeof(hook->detail), "ksonde observes nothing: %s\n",
			  observe_nothing);
		hook->state = KSONDE_HOOK_UNAVAILABLE;
		return;
	}
	if (ks_hook_is_avoided(hook)) {
		strscpy(hook->detail, "the parameter avoid says so\n", sizeof(hook->detail));
		hook->state = KSONDE_HOOK_UNAVAILABLE;
		return;
	}
	err = hook->prepare ? hook->prepare() : 0;
	if (err) {
		scnprintf(hook->detail, sizeof(hook->detail), "preparing it failed (%d)\n", err);
		hook_is_unavailable(hook);
		return;
	}
	hook->prepared = true;
	if (hook_attach_any(hook))
		return;
	hook_release(hook);
	hook_is_unavailable(hook);
}

/* No handler of it runs any more. */
static void hook_free(struct ks_hook *hook)
{
	const struct ks_mechanism *mechanism = ks_mechanisms[hook->taken->mechanism];

	if (mechanism->missed)
		hook->missed_before += mechanism->missed(hook->attachment);
	ks_attachment_free(mechanism, hook->attachment);
	hook->attachment = NULL;
}

/* By the engine's own decision, while others stay armed; it is still prepared. */
static void hook_detach(struct ks_hook *hook)
{
	ks_mechanisms[hook->taken->mechanism]->detach(hook->attachment);
	tracepoint_synchronize_unregister();
	ks_synchronize_probes();
	hook_free(hook);
}

/* Others that are vital for an event, when one is not there: what they say could be wrong. */
static void hooks_give_up(const struct ks_hook *lost)
{
	struct ks_hook * const *at;
	struct ks_hook *hook;

	for (at = ks_hooks; *at; at++) {
		hook = *at;
		if (!hook->vital || hook->event != lost->event || !hook->attachment)
			continue;
		hook_detach(hook);
		scnprintf(hook->detail, sizeof(hook->detail), "useless without %s\n", lost->name);
		hook_is_unavailable(hook);
	}
	/* One has what another's handlers use. */
	for (at = ks_hooks; *at; at++) {
		if ((*at)->vital && (*at)->event == lost->event && !(*at)->attachment)
			hook_release(*at);
	}
}

void ks_engine_arm(u64 events)
{
	unsigned int i;

	mutex_lock(&ks_engine_lock);
	for (i = 0; i < ks_engine_hooks(); i++) {
		if (ks_engine_serves(ks_hooks[i], events) && !ks_hooks[i]->users++)
			hook_attach(ks_hooks[i]);
	}
	for (i = 0; i < ks_engine_hooks(); i++) {
		if (ks_hooks[i]->vital && ks_hooks[i]->state == KSONDE_HOOK_UNAVAILABLE)
			hooks_give_up(ks_hooks[i]);
	}
	mutex_unlock(&ks_engine_lock);
}

void ks_engine_disarm(u64 events)
{
	bool gone[KS_HOOKS_MAX] = {};
	struct ks_hook *hook;
	bool used = false;
	unsigned int i;

	mutex_lock(&ks_engine_lock);
	for (i = 0; i < ks_engine_hooks(); i++) {
		hook = ks_hooks[i];
		if (!ks_engine_serves(hook, events) || --hook->users) {
			used |= hook->users;
			continue;
		}
		gone[i] = hook->attachment;
		if (gone[i])
			ks_mechanisms[hook->taken->mechanism]->detach(hook->attachment);
	}
	if (!used)
		ks_canary_detach();
	/* Once for all: every handler that was running ends. */
	tracepoint_synchronize_unregister();
	ks_synchronize_probes();
	for (i = 0; i < ks_engine_hooks(); i++) {
		hook = ks_hooks[i];
		if (gone[i])
			hook_free(hook);
		if (!hook->users) {
			hook_release(hook);
			hook->state = KSONDE_HOOK_IDLE;
		}
	}
	if (!used)
		ks_canary_free();
	mutex_unlock(&ks_engine_lock);
}

bool ks_engine_suspend(struct ks_hook *hook)
{
	bool armed;

	mutex_lock(&ks_engine_lock);
	armed = hook->attachment;
	if (armed) {
		hook_detach(hook);
		hook->state = KSONDE_HOOK_DISARMED;
	}
	mutex_unlock(&ks_engine_lock);
	return armed;
}

bool ks_engine_resume(struct ks_hook *hook)
{
	bool disarmed;

	mutex_lock(&ks_engine_lock);
	disarmed = hook->state == KSONDE_HOOK_DISARMED;
	if (disarmed) {
		/* It is still prepared: handlers of others may use what it has. */
		hook->detail[0] = '\0';
		if (!hook_attach_any(hook))
			hook_is_unavailable(hook);
	}
	mutex_unlock(&ks_engine_lock);
	return disarmed;
}

void ks_engine_each(void (*look)(const struct ks_mechanism *mechanism, struct ks_hook *hook,
				 void *data), void *data)
{
	unsigned int i;

	mutex_lock(&ks_engine_lock);
	for (i = 0; i < ks_engine_hooks(); i++) {
		if (ks_hooks[i]->attachment)
			look(ks_mechanisms[ks_hooks[i]->taken->mechanism], ks_hooks[i], data);
	}
	mutex_unlock(&ks_engine_lock);
}

bool ks_engine_is_armed(void)
{
	unsigned int i;

	for (i = 0; i < ks_engine_hooks(); i++) {
		if (READ_ONCE(ks_hooks[i]->attachment))
			return true;
	}
	return false;
}

u64 ks_engine_missed(const struct ks_hook *hook)
{
	unsigned int cpu;
	u64 missed = 0;

	for_each_possible_cpu(cpu)
		missed += READ_ONCE(per_cpu_ptr(hook->stats, cpu)->missed);
	mutex_lock(&ks_engine_lock);
	missed += hook->missed_before;
	if (hook->attachment && ks_mechanisms[hook->taken->mechanism]->missed)
		missed += ks_mechanisms[hook->taken->mechanism]->missed(hook->attachment);
	mutex_unlock(&ks_engine_lock);
	return missed;
}

/* Fills all of info but its size; -ENOENT past the end. */
int ks_engine_describe(unsigned int index, struct ksonde_hook_info *info)
{
	struct ks_hook *hook;

	if (index >= ks_engine_hooks())
		return -ENOENT;
	hook = ks_hooks[index];
	memset(info, 0, sizeof(*info));
	info->index = index;
	info->missed = ks_engine_missed(hook);
	ks_hook_sum_stats(hook, info);
	mutex_lock(&ks_engine_lock);
	info->event = hook->event < KS_EVENTS ? ks_event_ids[hook->event] : 0;
	info->state = hook->state;
	info->users = hook->users;
	info->keep = READ_ONCE(hook->keep);
	info->cost = READ_ONCE(hook->cost);
	if (hook->taken) {
		info->mechanism = hook->taken->mechanism;
		strscpy((char *)info->target, hook->taken->target, sizeof(info->target));
	}
	strscpy((char *)info->name, hook->name, sizeof(info->name));
	strscpy((char *)info->detail, hook->detail, sizeof(info->detail));
	mutex_unlock(&ks_engine_lock);
	return 0;
}

static bool prefer_is_known(void)
{
	unsigned int i;

	for (i = KSONDE_MECH_NONE + 1; i < ARRAY_SIZE(ks_mechanisms); i++) {
		if (!strcmp(ks_mechanisms[i]->name, prefer))
			return true;
	}
	return !*prefer;
}

int ks_engine_init(void)
{
	unsigned int i;

	BUILD_BUG_ON(ARRAY_SIZE(ks_hooks) - 1 > KS_HOOKS_MAX);
	BUILD_BUG_ON(KS_EVENTS > 64);
	if (!prefer_is_known()) {
		pr_err("prefer=%s: there is no such mechanism\n", prefer);
		return -EINVAL;
	}
	if (!ks_avoid_is_known())
		return -EINVAL;
	if (!ks_engine_observes())
		pr_warn("observes nothing: %s\n", observe_nothing);
	for (i = 0; i < ks_engine_hooks(); i++) {
		ks_hooks[i]->index = i;
		ks_hooks[i]->stats = alloc_percpu(struct ks_hook_stats);
		if (!ks_hooks[i]->stats)
			goto err_free_stats;
	}
	return 0;

err_free_stats:
	ks_engine_uninit();
	return -ENOMEM;
}

void ks_engine_uninit(void)
{
	unsigned int i;

	ks_fexit_uninit();
	for (i = 0; i < ks_engine_hooks(); i++) {
		free_percpu(ks_hooks[i]->stats);
		ks_hooks[i]->stats = NULL;
	}
}
