/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/tracepoint.h>
 * v4.19, 46e0c9be206f ("kernel: tracepoints: add support for relative
 * references"): how a module has its tracepoints.
 * v4.20, 9c0be3f6b5d7 ("tracepoint: Fix tracepoint array element size mismatch").
 * CONFIG_MODULES is not off: this is one.
 */
#ifndef KS_COMPAT_TRACEPOINT_H
#define KS_COMPAT_TRACEPOINT_H

#include <linux/module.h>
#include <linux/tracepoint.h>
#include <linux/version.h>

/* Under the kernel's mutex of the list. */
static inline void ks_each_module_tracepoint(struct list_head *modules,
					     void (*function)(struct tracepoint *, void *),
					     void *data)
{
#ifdef CONFIG_TRACEPOINTS
	struct tp_module *module;
	unsigned int i;

	list_for_each_entry(module, modules, list) {
		for (i = 0; i < module->mod->num_tracepoints; i++) {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 20, 0)
			function(tracepoint_ptr_deref(&module->mod->tracepoints_ptrs[i]), data);
#elif defined(CONFIG_HAVE_ARCH_PREL32_RELOCATIONS) && \
	LINUX_VERSION_CODE >= KERNEL_VERSION(4, 19, 0)
			function(offset_to_ptr((const int *)module->mod->tracepoints_ptrs + i),
				 data);
#else
			function(module->mod->tracepoints_ptrs[i], data);
#endif
		}
	}
#endif
}

#endif /* KS_COMPAT_TRACEPOINT_H */
