/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/module.h>
 * v6.4, ac3b43283923 ("module: replace module_layout with module_memory").
 * CONFIG_MODULE_SIG may be off.
 */
#ifndef KS_COMPAT_MODULE_H
#define KS_COMPAT_MODULE_H

#include <linux/module.h>
#include <linux/version.h>

/* Bytes in memory, those of the init sections too. */
static inline u64 ks_module_size(const struct module *mod)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	u64 size = 0;
	int type;

	for (type = 0; type < MOD_MEM_NUM_TYPES; type++)
		size += mod->mem[type].size;
	return size;
#else
	return (u64)mod->core_layout.size + mod->init_layout.size;
#endif
}

/* Where its code is. */
static inline unsigned long ks_module_text(const struct module *mod, unsigned long *size)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	*size = mod->mem[MOD_TEXT].size;
	return (unsigned long)mod->mem[MOD_TEXT].base;
#else
	*size = mod->core_layout.text_size;
	return (unsigned long)mod->core_layout.base;
#endif
}

/* false: this kernel does not check. */
static inline bool ks_module_signature(const struct module *mod, bool *valid)
{
#ifdef CONFIG_MODULE_SIG
	*valid = mod->sig_ok;
	return true;
#else
	return false;
#endif
}

/* Where all modules are; begin and end are the same where that is not a place of their own. */
#ifdef CONFIG_X86_64
#define KS_MODULES_BEGIN	MODULES_VADDR
#define KS_MODULES_END		MODULES_END
#else
#define KS_MODULES_BEGIN	0UL
#define KS_MODULES_END		0UL
#endif

#endif /* KS_COMPAT_MODULE_H */
