// SPDX-License-Identifier: GPL-2.0-only
/*
 * A chain of the kernel's own notifications.  That of USB is in a module which
 * may come later, or never: it is joined when it is there, and the module stays
 * as long as the hook is armed.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "../compat/usb.h"
#include "mechanism.h"

struct ks_notifier {
	struct ks_attachment attachment;
	struct notifier_block block;
	struct notifier_block modules;
	struct mutex lock;	/* joins once */
	bool joined;
};

static int notifier_called(struct notifier_block *block, unsigned long action, void *what)
{
	struct ks_notifier *n = container_of(block, struct ks_notifier, block);
	struct ks_hook *hook = n->attachment.hook;
	u64 token = ks_hook_enter(hook);

	n->attachment.point->notify(hook, action, what);
	ks_hook_leave(hook, token);
	return NOTIFY_OK;
}

static void notifier_join(struct ks_notifier *n)
{
	mutex_lock(&n->lock);
	if (!n->joined)
		n->joined = ks_usb_join(&n->block);
	mutex_unlock(&n->lock);
}

static int notifier_module(struct notifier_block *block, unsigned long state, void *module)
{
	if (state == MODULE_STATE_LIVE)
		notifier_join(container_of(block, struct ks_notifier, modules));
	return NOTIFY_OK;
}

static int notifier_attach(struct ks_hook *hook, const struct ks_point *point,
			   struct ks_attachment **attachment)
{
	struct ks_notifier *n;
	int err;

	if (strcmp(point->target, "usb"))
		return -ENOENT;
	if (!KS_USB_WORKS)
		return -EOPNOTSUPP;
	n = kzalloc(sizeof(*n), GFP_KERNEL);
	if (!n)
		return -ENOMEM;
	n->attachment.hook = hook;
	n->attachment.point = point;
	n->block.notifier_call = notifier_called;
	n->modules.notifier_call = notifier_module;
	mutex_init(&n->lock);
	err = register_module_notifier(&n->modules);
	if (err) {
		kfree(n);
		return err;
	}
	notifier_join(n);
	*attachment = &n->attachment;
	return 0;
}

/* Both wait for those that are being called. */
static void notifier_detach(struct ks_attachment *attachment)
{
	struct ks_notifier *n = container_of(attachment, struct ks_notifier, attachment);

	unregister_module_notifier(&n->modules);
	if (n->joined)
		ks_usb_part(&n->block);
}

/* symbol: of the chain. */
static bool notifier_is_in(const char *symbol, const struct notifier_block *block)
{
	struct blocking_notifier_head *chain = (void *)ks_symbol(symbol);
	const struct notifier_block *one;
	bool is = false;

	if (!chain)
		return true;
	down_read(&chain->rwsem);
	for (one = rcu_dereference_raw(chain->head); one && !is;
	     one = rcu_dereference_raw(one->next))
		is = one == block;
	up_read(&chain->rwsem);
	return is;
}

static const char *notifier_check(struct ks_attachment *attachment)
{
	struct ks_notifier *n = container_of(attachment, struct ks_notifier, attachment);

	if (READ_ONCE(n->block.notifier_call) != notifier_called ||
	    READ_ONCE(n->modules.notifier_call) != notifier_module)
		return "another function is called in its place";
	if (!notifier_is_in("module_notify_list", &n->modules) ||
	    (READ_ONCE(n->joined) && !notifier_is_in("usb_notifier_list", &n->block)))
		return "it was taken out of its chain";
	return NULL;
}

static void notifier_free(struct ks_attachment *attachment)
{
	kfree(container_of(attachment, struct ks_notifier, attachment));
}

const struct ks_mechanism ks_mech_notifier = {
	.name	= "notifier",
	.attach	= notifier_attach,
	.detach	= notifier_detach,
	.free	= notifier_free,
	.check	= notifier_check,
};
