// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tracepoint of the kernel proper; the hook's probe has the kernel's own
 * prototype behind a void *, which is the hook.
 */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include "mechanism.h"

struct ks_tracepoint {
	struct ks_attachment attachment;
	struct tracepoint *tracepoint;
};

struct ks_tracepoint_search {
	const char *name;
	struct tracepoint *found;
};

static void tracepoint_match(struct tracepoint *tracepoint, void *data)
{
	struct ks_tracepoint_search *search = data;

	if (!strcmp(tracepoint->name, search->name))
		search->found = tracepoint;
}

static int tracepoint_attach(struct ks_hook *hook, const struct ks_point *point,
			     struct ks_attachment **attachment)
{
	struct ks_tracepoint_search search = { .name = point->target };
	struct ks_tracepoint *tp;
	int err;

	for_each_kernel_tracepoint(tracepoint_match, &search);
	if (!search.found)
		return -ENOENT;
	tp = kzalloc(sizeof(*tp), GFP_KERNEL);
	if (!tp)
		return -ENOMEM;
	tp->attachment.hook = hook;
	tp->attachment.point = point;
	tp->tracepoint = search.found;
	err = tracepoint_probe_register(tp->tracepoint, point->probe, hook);
	if (err) {
		kfree(tp);
		return err;
	}
	*attachment = &tp->attachment;
	return 0;
}

static bool tracepoint_has(const struct tracepoint *tracepoint, const void *probe,
			   const void *data)
{
	const struct tracepoint_func *func;
	bool there = false;

	rcu_read_lock();
	preempt_disable();
	for (func = rcu_dereference_raw(tracepoint->funcs); func && func->func; func++)
		there |= func->func == probe && func->data == data;
	preempt_enable();
	rcu_read_unlock();
	return there;
}

void ks_tracepoint_unregister(struct tracepoint *tracepoint, void *probe, void *data)
{
	/* The kernel warns of one that somebody else has unregistered. */
	if (tracepoint_has(tracepoint, probe, data))
		tracepoint_probe_unregister(tracepoint, probe, data);
}

const char *ks_tracepoint_wrong(struct tracepoint *tracepoint, const void *probe,
				const void *data)
{
	if (!tracepoint_has(tracepoint, probe, data))
		return "it was unregistered";
	return static_key_enabled(&tracepoint->key) ? NULL : "the tracepoint was switched off";
}

static void tracepoint_detach(struct ks_attachment *attachment)
{
	struct ks_tracepoint *tp = container_of(attachment, struct ks_tracepoint, attachment);

	ks_tracepoint_unregister(tp->tracepoint, attachment->point->probe, attachment->hook);
}

static const char *tracepoint_check(struct ks_attachment *attachment)
{
	return ks_tracepoint_wrong(container_of(attachment, struct ks_tracepoint,
						attachment)->tracepoint,
				   attachment->point->probe, attachment->hook);
}

static void tracepoint_free(struct ks_attachment *attachment)
{
	kfree(container_of(attachment, struct ks_tracepoint, attachment));
}

const struct ks_mechanism ks_mech_tracepoint = {
	.name	= "tracepoint",
	.attach	= tracepoint_attach,
	.detach	= tracepoint_detach,
	.free	= tracepoint_free,
	.check	= tracepoint_check,
};
