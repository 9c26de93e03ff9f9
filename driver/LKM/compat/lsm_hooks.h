/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/lsm_hooks.h>: where the kernel keeps its LSM hooks.
 *
 * v5.8, 98e828a0650f ("security: Refactor declaration of LSM hooks"): the names
 * of the hooks are a list of macros; before, nothing here knows them.
 * v6.8, f3b8788cde61 ("LSM: Identify modules by more than name"): a callback
 * has its LSM's id, which has the name.
 * v6.12, 417c5643cd67 ("lsm: replace indirect LSM hook calls with static
 * calls"): a table of slots in place of lists.
 */
#ifndef KS_COMPAT_LSM_HOOKS_H
#define KS_COMPAT_LSM_HOOKS_H

#include <linux/version.h>
#include "uaccess.h"

/* Callbacks of one hook; no kernel has so many LSMs. */
#define KS_LSM_CALLBACKS_MAX	64

struct ks_lsm_name {
	const char *name;
	u32 offset;		/* in the table */
};

/* Addresses; 0: none. */
struct ks_lsm_callback {
	unsigned long function;		/* that was registered */
	unsigned long called;		/* that will be called: the same, where all is well */
	unsigned long lsm;		/* name of the LSM */
	unsigned int slot;
};

/* A walk over the callbacks of a hook, in the order in which they are called. */
struct ks_lsm_walk {
	unsigned long at;
	unsigned int count;
	bool broken;		/* what it led to cannot be read, or it does not end */
};

#if defined(CONFIG_SECURITY) && LINUX_VERSION_CODE >= KERNEL_VERSION(5, 8, 0)
#include <linux/lsm_hooks.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define ks_lsm_table	lsm_static_calls_table
#define KS_LSM_TABLE	"static_calls_table"
#define KS_LSM_KIND	"static calls"
#define KS_LSM_SLOTS	MAX_LSM_COUNT
#else
#define ks_lsm_table	security_hook_heads
#define KS_LSM_TABLE	"security_hook_heads"
#define KS_LSM_KIND	"lists"
#define KS_LSM_SLOTS	0
#endif
#define KS_LSM_TABLE_SIZE	sizeof(struct ks_lsm_table)

static const struct ks_lsm_name ks_lsm_names[] = {
#define LSM_HOOK(ret, otherwise, name, ...) \
	{ #name, offsetof(struct ks_lsm_table, name) },
#include <linux/lsm_hook_defs.h>
#undef LSM_HOOK
};

static inline bool ks_lsm_registered(unsigned long at, struct security_hook_list *entry,
				     struct ks_lsm_callback *callback)
{
	if (copy_from_kernel_nofault(entry, (void *)at, sizeof(*entry)))
		return false;
	/* The hook is a union of pointers to functions. */
	callback->function = *(unsigned long *)&entry->hook;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	if (copy_from_kernel_nofault(&callback->lsm, &entry->lsmid->name,
				     sizeof(callback->lsm)))
		callback->lsm = 0;
#else
	callback->lsm = (unsigned long)entry->lsm;
#endif
	return true;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
/* What static_call() of the slot would call. */
static inline bool ks_lsm_called(const struct lsm_static_call *slot, unsigned long *called)
{
	struct static_key_false active;

	*called = 0;
	if (copy_from_kernel_nofault(&active, slot->active, sizeof(active)))
		return false;
	return !atomic_read(&active.key.enabled) ||
	       !copy_from_kernel_nofault(called, &slot->key->func, sizeof(*called));
}

static inline bool ks_lsm_next(struct ks_lsm_walk *walk, struct ks_lsm_callback *callback)
{
	struct security_hook_list entry;
	struct lsm_static_call slot;

	while (walk->count < MAX_LSM_COUNT) {
		memset(callback, 0, sizeof(*callback));
		callback->slot = walk->count++;
		if (copy_from_kernel_nofault(&slot, (void *)walk->at, sizeof(slot)) ||
		    !ks_lsm_called(&slot, &callback->called) ||
		    (slot.hl &&
		     !ks_lsm_registered((unsigned long)slot.hl, &entry, callback))) {
			walk->broken = true;
			return false;
		}
		walk->at += sizeof(slot);
		if (slot.hl || callback->called)
			return true;
	}
	return false;
}

static inline bool ks_lsm_first(struct ks_lsm_walk *walk, unsigned long place)
{
	*walk = (struct ks_lsm_walk){ .at = place };
	return true;
}
#else
static inline bool ks_lsm_next(struct ks_lsm_walk *walk, struct ks_lsm_callback *callback)
{
	struct security_hook_list entry;

	if (!walk->at)
		return false;
	memset(callback, 0, sizeof(*callback));
	callback->slot = walk->count;
	/* list is not the first member everywhere. */
	if (walk->count++ >= KS_LSM_CALLBACKS_MAX ||
	    !ks_lsm_registered(walk->at - offsetof(struct security_hook_list, list), &entry,
			       callback)) {
		walk->broken = true;
		return false;
	}
	callback->called = callback->function;
	walk->at = (unsigned long)entry.list.next;
	return true;
}

static inline bool ks_lsm_first(struct ks_lsm_walk *walk, unsigned long place)
{
	struct hlist_head head = { };

	walk->broken = copy_from_kernel_nofault(&head, (void *)place, sizeof(head));
	walk->at = (unsigned long)head.first;
	walk->count = 0;
	return !walk->broken;
}
#endif

#else
#define KS_LSM_TABLE		""
#define KS_LSM_KIND		"none"
#define KS_LSM_SLOTS		0
#define KS_LSM_TABLE_SIZE	0

static const struct ks_lsm_name ks_lsm_names[] = { };

static inline bool ks_lsm_first(struct ks_lsm_walk *walk, unsigned long place)
{
	return false;
}

static inline bool ks_lsm_next(struct ks_lsm_walk *walk, struct ks_lsm_callback *callback)
{
	return false;
}
#endif

/* How many there are; 0 before v5.8, and no compiler says then that no number is less. */
static inline unsigned int ks_lsm_hooks(void)
{
	return ARRAY_SIZE(ks_lsm_names);
}

#endif /* KS_COMPAT_LSM_HOOKS_H */
