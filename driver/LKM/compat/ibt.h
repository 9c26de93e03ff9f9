/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <asm/ibt.h>: indirect branch tracking.
 * v5.18, ed53a0d97192 ("x86/alternative: Use .ibt_endbr_seal to seal indirect
 * calls"): a function whose address nobody takes may not be called by it.
 */
#ifndef KS_COMPAT_IBT_H
#define KS_COMPAT_IBT_H

#include <linux/types.h>
#ifdef CONFIG_X86_KERNEL_IBT
#include <asm/cpufeature.h>
#include "uaccess.h"
#endif

/* The address of a function when it may be called by that, else 0. */
static inline unsigned long ks_callable(unsigned long function)
{
#ifdef CONFIG_X86_KERNEL_IBT
	u32 first;

	if (function && boot_cpu_has(X86_FEATURE_IBT) &&
	    (copy_from_kernel_nofault(&first, (void *)function, sizeof(first)) ||
	     first != 0xfa1e0ff3))
		return 0;
#endif
	return function;
}

#endif /* KS_COMPAT_IBT_H */
