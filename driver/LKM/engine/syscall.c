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
#define KS_SYSCALL_PROBES	16
#define KS_SYSCALL_INSTANCES	128

struct ks_syscall_probe {
	struct kretprobe probe;
	struct ks_attachment *attachment;
	char symbol[64];
};

struct ks_syscall_probes {
	struct ks_attachment attachment;
	unsigned int count;
	struct ks_syscall_probe probes[KS_SYSCALL_PROBES];
};

void ks_syscall_fill(struct ks_syscall *call, const struct pt_regs *regs, long ret)
{
	call->nr = syscall_get_nr(current, (struct pt_regs *)regs);
	call->compat = ks_syscall_is_compat();
	ks_syscall_arguments((struct pt_regs *)regs, call->arg);
	call->ret = ret;
}

static int syscall_leave(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct kretprobe *probe = ks_kretprobe_of(instance);
	struct ks_attachment *attachment;
	struct ks_syscall call;
	u64 token;

	if (!probe)
		return 0;
	attachment = container_of(probe, struct ks_syscall_probe, probe)->attachment;
	token = ks_hook_enter(attachment->hook);
	ks_syscall_fill(&call, task_pt_regs(current), regs_return_value(regs));
	attachment->point->exit(attachment->hook, &call);
	ks_hook_leave(attachment->hook, token);
	return 0;
}

NOKPROBE_SYMBOL(syscall_leave);

static int syscall_attach_symbol(struct ks_syscall_probes *sp, const char *prefix,
				 const char *name, size_t length)
{
	struct ks_syscall_probe *probe;
	int err;

	if (sp->count == KS_SYSCALL_PROBES)
		return -ENOSPC;
	probe = &sp->probes[sp->count];
	memset(probe, 0, sizeof(*probe));
	probe->attachment = &sp->attachment;
	scnprintf(probe->symbol, sizeof(probe->symbol), "%s%.*s", prefix, (int)length, name);
	if (!ks_symbol(probe->symbol))
		return -ENOENT;
	probe->probe.kp.symbol_name = probe->symbol;
	probe->probe.handler = syscall_leave;
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
	if (sp->count)
		unregister_kretprobes(probes, sp->count);
	sp->count = 0;
}

static void syscall_free(struct ks_attachment *attachment)
{
	kfree(container_of(attachment, struct ks_syscall_probes, attachment));
}

/* Every way in of every name; -ENOENT when a name has none, else the first failure. */
static int syscall_attach_all(struct ks_syscall_probes *sp, const char *names)
{
	const char *name = names;
	const char * const *prefix;
	unsigned int before;
	size_t length;
	int err;

	while (*name) {
		length = strcspn(name, " ");
		before = sp->count;
		for (prefix = ks_syscall_prefixes; *prefix; prefix++) {
			err = syscall_attach_symbol(sp, *prefix, name, length);
			if (err && err != -ENOENT)
				return err;
		}
		if (sp->count == before)
			return -ENOENT;
		name += length;
		name += strspn(name, " ");
	}
	return 0;
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
		kfree(sp);
		return err;
	}
	*attachment = &sp->attachment;
	return 0;
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
};
