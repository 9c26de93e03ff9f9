/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/kallsyms.h>
 * v6.4, 3703bd54cd37 ("kallsyms: Delete an unused parameter related to
 * {module_}kallsyms_on_each_symbol()"); v5.12, 013c1667cf78 ("kallsyms: only
 * build {,module_}kallsyms_on_each_symbol when required") not exported, and
 * not there without livepatching until v5.19, d721def7392a ("kallsyms: Make
 * kallsyms_on_each_symbol generally available").  Before v5.12 module_mutex is
 * for its caller to hold; it is not exported everywhere.
 */
#ifndef KS_COMPAT_KALLSYMS_H
#define KS_COMPAT_KALLSYMS_H

#include <linux/kallsyms.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/version.h>
#include "../engine/hook.h"

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define KS_EACH_SYMBOL(function) \
	int function(void *data, const char *name, unsigned long address)
typedef int (*ks_each_symbol_fn)(void *data, const char *name, unsigned long address);
#else
#define KS_EACH_SYMBOL(function) \
	int function(void *data, const char *name, struct module *module, unsigned long address)
typedef int (*ks_each_symbol_fn)(void *data, const char *name, struct module *module,
				 unsigned long address);
#endif

/*
 * Calls back for each symbol, until that returns other than 0.  each is where
 * kallsyms_on_each_symbol() was found.
 */
static inline int ks_each_symbol(unsigned long each, ks_each_symbol_fn function, void *data)
{
	int (*on_each)(ks_each_symbol_fn function, void *data) = (void *)each;
	int ret;

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 12, 0)
	struct mutex *mutex = (void *)ks_symbol("module_mutex");

	if (!mutex)
		return -ENOENT;
	mutex_lock(mutex);
#endif
	ret = on_each(function, data);
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 12, 0)
	mutex_unlock(mutex);
#endif
	return ret;
}

#endif /* KS_COMPAT_KALLSYMS_H */
