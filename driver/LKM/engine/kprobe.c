// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kprobe at the entry of one function.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include "../compat/ibt.h"
#include "../compat/ptrace.h"
#include "../compat/uaccess.h"
#include "mechanism.h"

struct ks_kprobe {
	struct ks_attachment attachment;
	struct kprobe probe;
};

static int kprobe_enter(struct kprobe *probe, struct pt_regs *regs)
{
	struct ks_kprobe *kp = container_of(probe, struct ks_kprobe, probe);
	struct ks_hook *hook = kp->attachment.hook;
	struct ks_call call = ks_ptrace_call(regs);
	u64 token = ks_hook_enter(hook);

	kp->attachment.point->entry(hook, &call);
	ks_hook_leave(hook, token);
	return 0;
}

NOKPROBE_SYMBOL(kprobe_enter);

static int kprobe_attach(struct ks_hook *hook, const struct ks_point *point,
			 struct ks_attachment **attachment)
{
	struct ks_kprobe *kp;
	int err;

	kp = kzalloc(sizeof(*kp), GFP_KERNEL);
	if (!kp)
		return -ENOMEM;
	kp->attachment.hook = hook;
	kp->attachment.point = point;
	kp->probe.symbol_name = point->target;
	kp->probe.pre_handler = kprobe_enter;
	err = register_kprobe(&kp->probe);
	if (err) {
		kfree(kp);
		return err;
	}
	*attachment = &kp->attachment;
	return 0;
}

void ks_kprobe_unregistered(struct ks_attachment *attachment, struct kprobe *probe)
{
	/* That is how unregister_kprobes() and unregister_kretprobes() say it. */
	if (probe->addr)
		return;
	/* One that shares its place with another's would be called still. */
	probe->flags |= KPROBE_FLAG_DISABLED;
	ks_attachment_is_stuck(attachment);
}

static void kprobe_detach(struct ks_attachment *attachment)
{
	struct kprobe *probe = &container_of(attachment, struct ks_kprobe, attachment)->probe;

	unregister_kprobe(probe);
	ks_kprobe_unregistered(attachment, probe);
}

static bool kprobe_has(struct kprobe *found, const struct kprobe *probe)
{
	struct kprobe *one;

	if (found == probe)
		return true;
	/* Several at one place stand behind one that the kernel has made. */
	list_for_each_entry_rcu(one, &found->list, list) {
		if (one == probe)
			return true;
	}
	return false;
}

static bool kprobe_is_registered(const struct kprobe *probe)
{
	static struct kprobe *(*get)(void *address);
	static bool looked;
	struct kprobe *found;
	bool is;

	/* Under the engine's mutex; to look takes longer than all else here. */
	if (!looked)
		get = (void *)ks_callable(ks_symbol("get_kprobe"));
	looked = true;
	if (!get)
		return true;
	rcu_read_lock();
	preempt_disable();
	found = get(probe->addr);
	is = found && kprobe_has(found, probe);
	preempt_enable();
	rcu_read_unlock();
	return is;
}

const char *ks_kprobe_wrong(struct kprobe *probe)
{
	kprobe_opcode_t opcode;

	if (probe->flags & KPROBE_FLAG_GONE)
		return "the code that it was in is gone";
	if (!kprobe_is_registered(probe))
		return "it was unregistered";
	if (probe->flags & KPROBE_FLAG_DISABLED)
		return "it was disabled";
	if (probe->flags & KPROBE_FLAG_FTRACE)
		return ks_ftrace_calls((unsigned long)probe->addr) ? NULL :
		       "the function does not call ftrace any more";
	if (!copy_from_kernel_nofault(&opcode, probe->addr, sizeof(opcode)) &&
	    opcode == probe->opcode)
		return "its breakpoint is not in the code any more";
	return NULL;
}

static const char *kprobe_check(struct ks_attachment *attachment)
{
	return ks_kprobe_wrong(&container_of(attachment, struct ks_kprobe, attachment)->probe);
}

static void kprobe_free(struct ks_attachment *attachment)
{
	kfree(container_of(attachment, struct ks_kprobe, attachment));
}

static u64 kprobe_missed(const struct ks_attachment *attachment)
{
	return container_of(attachment, struct ks_kprobe, attachment)->probe.nmissed;
}

const struct ks_mechanism ks_mech_kprobe = {
	.name	= "kprobe",
	.attach	= kprobe_attach,
	.detach	= kprobe_detach,
	.free	= kprobe_free,
	.missed	= kprobe_missed,
	.check	= kprobe_check,
	.of_functions = true,
};
