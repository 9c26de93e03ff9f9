// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kretprobes on the functions of named system calls, native and 32-bit: only
 * their callers pay.
 */
#include <linux/kprobes.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/syscall.h>
#include "../compat/kprobes.h"
#include "../compat/rcupdate.h"
#include "../compat/syscall.h"
#include "mechanism.h"

/* Names of one hook, times the ways in which the kernel enters them. */
#define KS_SYSCALL_PROBES	24
#define KS_SYSCALL_INSTANCES	128

struct ks_syscall_probe {
	struct kretprobe probe;
	struct ks_attachment *attachment;
	u32 which;
	unsigned long address;
	char symbol[64];
};

struct ks_syscall_probes {
	struct ks_attachment attachment;
	unsigned int count;
	struct ks_syscall_probe probes[KS_SYSCALL_PROBES];
};

void ks_syscall_fill(struct ks_syscall *call, const struct pt_regs *regs)
{
	call->compat = ks_syscall_is_compat();
	ks_syscall_arguments((struct pt_regs *)regs, call->arg);
}

bool ks_name_next(const char **names, struct ks_name *name)
{
	*names += strspn(*names, " ");
	name->name = *names;
	name->length = strcspn(*names, " ?");
	*names += name->length;
	name->optional = **names == '?';
	*names += name->optional;
	return name->length;
}

static int syscall_enter(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct kretprobe *probe = ks_kretprobe_of(instance);
	const struct ks_syscall_probe *sp;
	struct ks_attachment *attachment;
	struct ks_syscall call;
	bool wanted;
	u64 token;

	if (!probe)
		return 1;
	sp = container_of(probe, struct ks_syscall_probe, probe);
	attachment = sp->attachment;
	token = ks_hook_enter(attachment->hook);
	ks_syscall_fill(&call, task_pt_regs(current));
	call.which = sp->which;
	call.ret = 0;
	wanted = attachment->point->syscall.enter(attachment->hook, &call, instance->data);
	ks_hook_leave(attachment->hook, token);
	return !wanted;
}

NOKPROBE_SYMBOL(syscall_enter);

static int syscall_leave(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct kretprobe *probe = ks_kretprobe_of(instance);
	const struct ks_syscall_probe *sp;
	const struct ks_point *point;
	struct ks_syscall call;
	struct ks_hook *hook;
	bool entered;
	u64 token;

	if (!probe)
		return 0;
	sp = container_of(probe, struct ks_syscall_probe, probe);
	point = sp->attachment->point;
	hook = sp->attachment->hook;
	entered = point->syscall.enter;
	token = entered ? ks_hook_reenter(hook) : ks_hook_enter(hook);
	ks_syscall_fill(&call, task_pt_regs(current));
	call.which = sp->which;
	call.ret = regs_return_value(regs);
	point->syscall.exit(hook, &call, entered ? instance->data : NULL);
	if (entered)
		ks_hook_releave(hook, token);
	else
		ks_hook_leave(hook, token);
	return 0;
}

NOKPROBE_SYMBOL(syscall_leave);

/* The function of a call without arguments has a name for each ABI. */
static bool syscall_is_attached(const struct ks_syscall_probes *sp, unsigned long address)
{
	unsigned int i;

	for (i = 0; i < sp->count; i++) {
		if (sp->probes[i].address == address)
			return true;
	}
	return false;
}

static int syscall_attach_symbol(struct ks_syscall_probes *sp, const char *prefix,
				 const struct ks_name *name, u32 which)
{
	const struct ks_point *point = sp->attachment.point;
	struct ks_syscall_probe *probe;
	int err;

	if (sp->count == KS_SYSCALL_PROBES)
		return -ENOSPC;
	probe = &sp->probes[sp->count];
	memset(probe, 0, sizeof(*probe));
	probe->attachment = &sp->attachment;
	probe->which = which;
	scnprintf(probe->symbol, sizeof(probe->symbol), "%s%.*s", prefix, (int)name->length,
		  name->name);
	probe->address = ks_symbol(probe->symbol);
	if (!probe->address)
		return -ENOENT;
	if (syscall_is_attached(sp, probe->address))
		return 0;
	probe->probe.kp.symbol_name = probe->symbol;
	probe->probe.handler = syscall_leave;
	if (point->syscall.enter)
		probe->probe.entry_handler = syscall_enter;
	probe->probe.data_size = point->syscall.data_size;
	probe->probe.maxactive = KS_SYSCALL_INSTANCES;
	err = register_kretprobe(&probe->probe);
	if (!err)
		sp->count++;
	return err;
}

static void syscall_detach(struct ks_attachment *attachment)
{
	struct ks_syscall_probes *sp = container_of(attachment, struct ks_syscall_probes,
						    attachment);
	struct kretprobe *probes[KS_SYSCALL_PROBES];
	unsigned int i;

	for (i = 0; i < sp->count; i++)
		probes[i] = &sp->probes[i].probe;
	if (!sp->count)
		return;
	unregister_kretprobes(probes, sp->count);
	for (i = 0; i < sp->count; i++)
		ks_kprobe_unregistered(attachment, &probes[i]->kp);
}

static void syscall_free(struct ks_attachment *attachment)
{
	kfree(container_of(attachment, struct ks_syscall_probes, attachment));
}

/* Every way in of every name; -ENOENT when one that must be there has none. */
static int syscall_attach_all(struct ks_syscall_probes *sp, const char *names)
{
	const char * const *prefix;
	struct ks_name name;
	bool found;
	u32 which;
	int err;

	for (which = 0; ks_name_next(&names, &name); which++) {
		found = false;
		for (prefix = ks_syscall_prefixes; *prefix; prefix++) {
			err = syscall_attach_symbol(sp, *prefix, &name, which);
			if (err && err != -ENOENT)
				return err;
			found |= !err;
		}
		if (!found && !name.optional)
			return -ENOENT;
	}
	return sp->count ? 0 : -ENOENT;
}

static int syscall_attach(struct ks_hook *hook, const struct ks_point *point,
			  struct ks_attachment **attachment)
{
	struct ks_syscall_probes *sp;
	int err;

	sp = kzalloc(sizeof(*sp), GFP_KERNEL);
	if (!sp)
		return -ENOMEM;
	sp->attachment.hook = hook;
	sp->attachment.point = point;
	err = syscall_attach_all(sp, point->target);
	if (err) {
		syscall_detach(&sp->attachment);
		ks_synchronize_probes();
		ks_attachment_free(&ks_mech_syscall, &sp->attachment);
		return err;
	}
	*attachment = &sp->attachment;
	return 0;
}

static const char *syscall_check(struct ks_attachment *attachment)
{
	struct ks_syscall_probes *sp = container_of(attachment, struct ks_syscall_probes,
						    attachment);
	const char *wrong = NULL;
	unsigned int i;

	for (i = 0; i < sp->count && !wrong; i++)
		wrong = ks_kprobe_wrong(&sp->probes[i].probe.kp);
	return wrong;
}

static u64 syscall_missed(const struct ks_attachment *attachment)
{
	const struct ks_syscall_probes *sp = container_of(attachment, struct ks_syscall_probes,
							  attachment);
	u64 missed = 0;
	unsigned int i;

	for (i = 0; i < sp->count; i++)
		missed += sp->probes[i].probe.nmissed + sp->probes[i].probe.kp.nmissed;
	return missed;
}

const struct ks_mechanism ks_mech_syscall = {
	.name	= "syscall",
	.attach	= syscall_attach,
	.detach	= syscall_detach,
	.free	= syscall_free,
	.missed	= syscall_missed,
	.check	= syscall_check,
	.of_functions = true,
};
