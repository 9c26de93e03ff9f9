// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bare ftrace_ops on one function: the cheapest way to see it entered.
 */
#include <linux/slab.h>
#include "../compat/ftrace.h"
#include "mechanism.h"

struct ks_ftrace {
	struct ks_attachment attachment;
	struct ftrace_ops ops;
};

static void notrace ftrace_enter(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, ks_ftrace_regs *regs)
{
	struct ks_ftrace *ft = container_of(ops, struct ks_ftrace, ops);
	struct ks_hook *hook = ft->attachment.hook;
	u64 token = ks_hook_enter(hook);
	struct ks_call call;

	call.caller = parent_ip;
	if (likely(ks_ftrace_call(&call, regs)))
		ft->attachment.point->entry(hook, &call);
	ks_hook_leave(hook, token);
}

static int ftrace_attach(struct ks_hook *hook, const struct ks_point *point,
			 struct ks_attachment **attachment)
{
	struct ks_ftrace *ft;
	unsigned long address;
	int err;

	if (!KS_FTRACE_WORKS)
		return -EOPNOTSUPP;
	address = ks_symbol(point->target);
	if (!address)
		return -ENOENT;
	ft = kzalloc(sizeof(*ft), GFP_KERNEL);
	if (!ft)
		return -ENOMEM;
	ft->attachment.hook = hook;
	ft->attachment.point = point;
	ft->ops.func = ftrace_enter;
	ft->ops.flags = KS_FTRACE_FLAGS;
	err = ftrace_set_filter_ip(&ft->ops, address, 0, 0);
	if (err)
		goto err_free;
	err = register_ftrace_function(&ft->ops);
	if (err)
		goto err_filter;
	*attachment = &ft->attachment;
	return 0;

err_filter:
	ks_ftrace_free_filter(&ft->ops);
err_free:
	kfree(ft);
	return err;
}

static void ftrace_detach(struct ks_attachment *attachment)
{
	struct ks_ftrace *ft = container_of(attachment, struct ks_ftrace, attachment);

	unregister_ftrace_function(&ft->ops);
	ks_ftrace_free_filter(&ft->ops);
}

static void ftrace_free(struct ks_attachment *attachment)
{
	kfree(container_of(attachment, struct ks_ftrace, attachment));
}

const struct ks_mechanism ks_mech_ftrace = {
	.name	= "ftrace",
	.attach	= ftrace_attach,
	.detach	= ftrace_detach,
	.free	= ftrace_free,
};
