// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kretprobes on a function, or on several that do the same for different
 * callers: the arguments at the entry, the result at the return.  Calls that
 * block hold an instance each; those without one are counted as missed.
 *
 * Where it can be, the entry is a bare ftrace_ops that calls the kretprobe's
 * own entry: the kprobe in between stays disabled and costs nothing.
 */
#include <linux/cpumask.h>
#include <linux/kprobes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "../compat/ftrace.h"
#include "../compat/kprobes.h"
#include "../compat/ptrace.h"
#include "../compat/rcupdate.h"
#include "mechanism.h"

/* Calls that may be under way at once. */
#define KS_KRETPROBE_INSTANCES	512
#define KS_KRETPROBES		4

struct ks_kretprobe {
	struct kretprobe probe;
	struct ftrace_ops ops;
	bool by_ftrace;
	struct ks_attachment *attachment;
	char symbol[64];
};

struct ks_kretprobes {
	struct ks_attachment attachment;
	unsigned int count;
	struct ks_kretprobe probes[KS_KRETPROBES];
};

static int kretprobe_enter(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	/* NULL where the probe is being taken away. */
	struct kretprobe *probe = ks_kretprobe_of(instance);
	struct ks_call call = ks_ptrace_call(regs);
	struct ks_attachment *attachment;
	struct ks_hook *hook;
	bool wanted;
	u64 token;

	if (!probe)
		return 1;
	attachment = container_of(probe, struct ks_kretprobe, probe)->attachment;
	hook = attachment->hook;
	token = ks_hook_enter(hook);
	wanted = attachment->point->call.enter(hook, &call, instance->data);
	ks_hook_leave(hook, token);
	return !wanted;
}

NOKPROBE_SYMBOL(kretprobe_enter);

static int kretprobe_leave(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	/* NULL where the probe is being taken away. */
	struct kretprobe *probe = ks_kretprobe_of(instance);
	struct ks_attachment *attachment;
	struct ks_hook *hook;
	u64 token;

	if (!probe)
		return 0;
	attachment = container_of(probe, struct ks_kretprobe, probe)->attachment;
	hook = attachment->hook;
	token = ks_hook_reenter(hook);
	attachment->point->call.leave(hook, regs_return_value(regs), instance->data);
	ks_hook_releave(hook, token);
	return 0;
}

NOKPROBE_SYMBOL(kretprobe_leave);

static void notrace kretprobe_ftrace(unsigned long ip, unsigned long parent_ip,
				     struct ftrace_ops *ops, ks_ftrace_regs *regs)
{
	struct kprobe *probe = &container_of(ops, struct ks_kretprobe, ops)->probe.kp;

	preempt_disable_notrace();
	probe->pre_handler(probe, ks_ftrace_pt_regs(regs));
	preempt_enable_notrace();
}

static bool kretprobe_enter_by_ftrace(struct ks_kretprobe *krp)
{
	unsigned long address = ks_symbol(krp->probe.kp.symbol_name);

	krp->ops.func = kretprobe_ftrace;
	krp->ops.flags = KS_FTRACE_FLAGS;
	if (!address || ftrace_set_filter_ip(&krp->ops, address, 0, 0))
		return false;
	krp->by_ftrace = !register_ftrace_function(&krp->ops);
	if (!krp->by_ftrace)
		ks_ftrace_free_filter(&krp->ops);
	return krp->by_ftrace;
}

static int kretprobe_register(struct ks_kretprobe *krp)
{
	int err;

	if (!KS_FTRACE_KRETPROBES)
		return register_kretprobe(&krp->probe);
	krp->probe.kp.flags = KPROBE_FLAG_DISABLED;
	err = register_kretprobe(&krp->probe);
	if (err || kretprobe_enter_by_ftrace(krp))
		return err;
	err = enable_kprobe(&krp->probe.kp);
	if (err)
		unregister_kretprobe(&krp->probe);
	return err;
}

static int kretprobe_add(struct ks_kretprobes *kr, const char *name, size_t length)
{
	const struct ks_point *point = kr->attachment.point;
	struct ks_kretprobe *krp;
	int err;

	if (kr->count == KS_KRETPROBES)
		return -ENOSPC;
	krp = &kr->probes[kr->count];
	memset(krp, 0, sizeof(*krp));
	krp->attachment = &kr->attachment;
	scnprintf(krp->symbol, sizeof(krp->symbol), "%.*s", (int)length, name);
	krp->probe.kp.symbol_name = krp->symbol;
	krp->probe.entry_handler = kretprobe_enter;
	krp->probe.handler = kretprobe_leave;
	krp->probe.data_size = point->call.data_size;
	krp->probe.maxactive = max(KS_KRETPROBE_INSTANCES, 4 * (int)num_possible_cpus());
	err = kretprobe_register(krp);
	if (!err)
		kr->count++;
	/* Before v5.12 that is also what a function that there is not gives. */
	return err == -EINVAL && !ks_symbol(krp->symbol) ? -ENOENT : err;
}

/* Those of the functions that there are; -ENOENT: none of them. */
static int kretprobe_add_all(struct ks_kretprobes *kr, const char *names)
{
	size_t length;
	int err;

	for (; *names; names += length + strspn(names + length, " ")) {
		length = strcspn(names, " ");
		err = kretprobe_add(kr, names, length);
		if (err && err != -ENOENT)
			return err;
	}
	return kr->count ? 0 : -ENOENT;
}

static void kretprobe_detach(struct ks_attachment *attachment)
{
	struct ks_kretprobes *kr = container_of(attachment, struct ks_kretprobes, attachment);
	struct kretprobe *probes[KS_KRETPROBES];
	struct ks_kretprobe *krp;
	unsigned int i;

	for (i = 0; i < kr->count; i++) {
		krp = &kr->probes[i];
		probes[i] = &krp->probe;
		if (krp->by_ftrace)
			ks_ftrace_unregister(&krp->ops);
	}
	if (!kr->count)
		return;
	unregister_kretprobes(probes, kr->count);
	for (i = 0; i < kr->count; i++)
		ks_kprobe_unregistered(attachment, &probes[i]->kp);
}

static void kretprobe_free(struct ks_attachment *attachment)
{
	kfree(container_of(attachment, struct ks_kretprobes, attachment));
}

static int kretprobe_attach(struct ks_hook *hook, const struct ks_point *point,
			    struct ks_attachment **attachment)
{
	struct ks_kretprobes *kr;
	int err;

	kr = kzalloc(sizeof(*kr), GFP_KERNEL);
	if (!kr)
		return -ENOMEM;
	kr->attachment.hook = hook;
	kr->attachment.point = point;
	err = kretprobe_add_all(kr, point->target);
	if (err) {
		kretprobe_detach(&kr->attachment);
		ks_synchronize_probes();
		ks_attachment_free(&ks_mech_kretprobe, &kr->attachment);
		return err;
	}
	*attachment = &kr->attachment;
	return 0;
}

static const char *kretprobe_check(struct ks_attachment *attachment)
{
	struct ks_kretprobes *kr = container_of(attachment, struct ks_kretprobes, attachment);
	const char *wrong = NULL;
	struct ks_kretprobe *krp;
	unsigned int i;

	for (i = 0; i < kr->count && !wrong; i++) {
		krp = &kr->probes[i];
		wrong = krp->by_ftrace ?
			ks_ftrace_wrong(&krp->ops, (unsigned long)krp->probe.kp.addr) :
			ks_kprobe_wrong(&krp->probe.kp);
	}
	return wrong;
}

static u64 kretprobe_missed(const struct ks_attachment *attachment)
{
	const struct ks_kretprobes *kr = container_of(attachment, struct ks_kretprobes,
						      attachment);
	u64 missed = 0;
	unsigned int i;

	for (i = 0; i < kr->count; i++)
		missed += kr->probes[i].probe.nmissed + kr->probes[i].probe.kp.nmissed;
	return missed;
}

const struct ks_mechanism ks_mech_kretprobe = {
	.name	= "kretprobe",
	.attach	= kretprobe_attach,
	.detach	= kretprobe_detach,
	.free	= kretprobe_free,
	.missed	= kretprobe_missed,
	.check	= kretprobe_check,
	.of_functions = true,
};
