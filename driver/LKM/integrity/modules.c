// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modules that hide: the kernel knows a module by its list, by its object in
 * sysfs, and by the addresses of its memory.  Whoever takes itself out of the
 * list only is still found by the others.  Modules come and go meanwhile, so
 * only what is so at two looks counts.
 */
#include <linux/delay.h>
#include <linux/preempt.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "../compat/ibt.h"
#include "../compat/mm.h"
#include "../compat/module.h"
#include "../compat/uaccess.h"
#include "../core/text.h"
#include "../engine/hook.h"
#include "scan.h"

#define MODULES_MAX		1024
#define MODULES_LISTED		0x1
#define MODULES_IN_SYSFS	0x2
#define MODULES_IN_MEMORY	0x4
#define MODULES_LIVE		0x8
/* Pages that are asked for at once, with preemption off. */
#define MODULES_BATCH		256
/* Between two looks. */
#define MODULES_PAUSE_MS	50

struct modules_known {
	const struct module *module;	/* only compared: it may be gone */
	char name[MODULE_NAME_LEN];
	u32 seen;			/* MODULES_* */
};

struct modules_look {
	u32 count;
	bool full;
	struct modules_known known[MODULES_MAX];
};

typedef struct module *(*modules_address_fn)(unsigned long address);

/* The module itself cannot go meanwhile. */
static void modules_add(struct modules_look *look, const struct module *module, u32 seen)
{
	struct modules_known *known;
	u32 i;

	for (i = 0; i < look->count; i++) {
		if (look->known[i].module == module) {
			look->known[i].seen |= seen;
			return;
		}
	}
	if (look->count == MODULES_MAX) {
		look->full = true;
		return;
	}
	known = &look->known[look->count++];
	known->module = module;
	known->seen = seen;
	memset(known->name, 0, sizeof(known->name));
	if (copy_from_kernel_nofault(known->name, module->name, sizeof(known->name) - 1))
		known->name[0] = '?';
}

/* Last: what came after the other looks is in the list, what went is not. */
static bool modules_listed(struct modules_look *look, struct list_head *modules)
{
	const struct module *module;
	bool self = false;

	rcu_read_lock();
	preempt_disable();
	list_for_each_entry_rcu(module, modules, list) {
		if (module->state == MODULE_STATE_UNFORMED)
			continue;
		self |= module == THIS_MODULE;
		modules_add(look, module, MODULES_LISTED |
			    (module->state == MODULE_STATE_LIVE ? MODULES_LIVE : 0));
	}
	preempt_enable();
	rcu_read_unlock();
	/* Else it is not that list. */
	return self;
}

static void modules_in_sysfs(struct modules_look *look, struct kset *kset)
{
	struct module_kobject *object;
	struct kobject *kobject;

	spin_lock(&kset->list_lock);
	list_for_each_entry(kobject, &kset->list, entry) {
		object = container_of(kobject, struct module_kobject, kobj);
		/* What is built in has an object, and no module. */
		if (object->mod)
			modules_add(look, object->mod, MODULES_IN_SYSFS);
	}
	spin_unlock(&kset->list_lock);
}

static void modules_in_memory(struct modules_look *look, modules_address_fn at)
{
	unsigned long address = KS_MODULES_BEGIN;
	const struct module *module, *last = NULL;
	u32 i;

	while (address < KS_MODULES_END) {
		preempt_disable();
		for (i = 0; i < MODULES_BATCH; i++, address += PAGE_SIZE) {
			module = address < KS_MODULES_END ? at(address) : NULL;
			if (module && module != last)
				modules_add(look, module, MODULES_IN_MEMORY);
			last = module;
		}
		preempt_enable();
		cond_resched();
	}
}

/* false: one of the ways is not there. */
static bool modules_look(struct ks_scan *scan, struct modules_look *look)
{
	struct list_head *modules = (void *)ks_symbol("modules");
	struct kset **kset = (void *)ks_symbol("module_kset");
	modules_address_fn at = (modules_address_fn)ks_callable(ks_symbol("__module_address"));

	look->count = 0;
	look->full = false;
	if (!modules) {
		scan->why = "the kernel shows no symbol of its list of modules";
		return false;
	}
	if (at && KS_MODULES_BEGIN < KS_MODULES_END)
		modules_in_memory(look, at);
	else
		scan->why = "modules cannot be found by their memory here";
	if (kset && *kset)
		modules_in_sysfs(look, *kset);
	else
		scan->why = "the kernel shows no symbol of its modules in sysfs";
	if (!modules_listed(look, modules)) {
		scan->why = "the list of modules is not where its symbol says";
		return false;
	}
	if (look->full)
		scan->why = "there are more modules than room for them";
	return kset && *kset;
}

static const char *modules_wrong(const struct modules_known *known)
{
	if (!(known->seen & MODULES_LISTED))
		return known->seen & MODULES_IN_MEMORY ?
			"a module has memory, but is not in the list of modules" :
			"a module is in sysfs, but not in the list of modules";
	if (known->seen & MODULES_LIVE && !(known->seen & MODULES_IN_SYSFS))
		return "a module is in the list of modules, but not in sysfs";
	return NULL;
}

static const struct modules_known *modules_same(const struct modules_look *look,
						const struct modules_known *known)
{
	u32 i;

	for (i = 0; i < look->count; i++) {
		if (look->known[i].module == known->module && look->known[i].seen == known->seen &&
		    !strcmp(look->known[i].name, known->name))
			return &look->known[i];
	}
	return NULL;
}

void ks_scan_modules(struct ks_scan *scan)
{
	struct modules_look *looks = kvcalloc(2, sizeof(*looks), GFP_KERNEL);
	const char *wrong;
	bool suspects = false;
	u32 i;

	if (!looks) {
		scan->why = "no memory";
		return;
	}
	if (!modules_look(scan, &looks[0]))
		goto out_free;
	scan->checked = looks[0].count;
	for (i = 0; i < looks[0].count; i++)
		suspects |= !!modules_wrong(&looks[0].known[i]);
	if (!suspects)
		goto out_free;
	msleep(MODULES_PAUSE_MS);
	if (!modules_look(scan, &looks[1]))
		goto out_free;
	for (i = 0; i < looks[0].count; i++) {
		wrong = modules_wrong(&looks[0].known[i]);
		if (wrong && modules_same(&looks[1], &looks[0].known[i]))
			ks_scan_finding(scan, KS_FINDING_MODULE, wrong, 0, "module %s",
					looks[0].known[i].name);
	}
out_free:
	kvfree(looks);
}

void ks_scan_modules_seen(struct ks_scan *scan)
{
	struct list_head *modules = (void *)ks_symbol("modules");
	const struct module *module;
	const char *comma = "";

	if (!modules)
		return;
	rcu_read_lock();
	preempt_disable();
	list_for_each_entry_rcu(module, modules, list) {
		if (module->state != MODULE_STATE_LIVE)
			continue;
		ks_text_add(scan->text, "%s", comma);
		ks_text_string(scan->text, module->name);
		comma = ",";
	}
	preempt_enable();
	rcu_read_unlock();
}
