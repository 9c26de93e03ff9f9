// SPDX-License-Identifier: GPL-2.0-only
/*
 * A chain of the kernel's own notifications: of the machine's end, and of USB.
 * The latter is in a module which may come later, or never: it is joined when
 * it is there, and the module stays as long as the hook is armed.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "../compat/usb.h"
#include "mechanism.h"

struct notifier_chain {
	const char *name;
	const char *symbol;
	bool works;		/* this kernel may have it */
	bool (*join)(struct notifier_block *block);	/* false: it is not there yet */
	void (*part)(struct notifier_block *block);
};

static bool reboot_join(struct notifier_block *block)
{
	return !register_reboot_notifier(block);
}

static void reboot_part(struct notifier_block *block)
{
	unregister_reboot_notifier(block);
}

static const struct notifier_chain notifier_chains[] = {
	{ "usb", "usb_notifier_list", KS_USB_WORKS, ks_usb_join, ks_usb_part },
	{ "reboot", "reboot_notifier_list", true, reboot_join, reboot_part },
};

struct ks_notifier {
	struct ks_attachment attachment;
	const struct notifier_chain *chain;
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
		n->joined = n->chain->join(&n->block);
	mutex_unlock(&n->lock);
}

static int notifier_module(struct notifier_block *block, unsigned long state, void *module)
{
	if (state == MODULE_STATE_LIVE)
		notifier_join(container_of(block, struct ks_notifier, modules));
	return NOTIFY_OK;
}

static const struct notifier_chain *notifier_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(notifier_chains); i++) {
		if (!strcmp(notifier_chains[i].name, name))
			return &notifier_chains[i];
	}
	return NULL;
}

static int notifier_attach(struct ks_hook *hook, const struct ks_point *point,
			   struct ks_attachment **attachment)
{
	const struct notifier_chain *chain = notifier_find(point->target);
	struct ks_notifier *n;
	int err;

	if (!chain)
		return -ENOENT;
	if (!chain->works)
		return -EOPNOTSUPP;
	n = kzalloc(sizeof(*n), GFP_KERNEL);
	if (!n)
		return -ENOMEM;
	n->attachment.hook = hook;
	n->attachment.point = point;
	n->chain = chain;
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
		n->chain->part(&n->block);
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
	    (READ_ONCE(n->joined) && !notifier_is_in(n->chain->symbol, &n->block)))
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
