/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <asm/ibt.h>: indirect branch tracking.
 * v5.18, ed53a0d97192 ("x86/alternative: Use .ibt_endbr_seal to seal indirect
 * calls"): a function whose address nobody takes may not be called by it; a CPU
 * that looks (none that QEMU emulates does) ends the kernel then.
 */
#ifndef KS_COMPAT_IBT_H
#define KS_COMPAT_IBT_H

#include <linux/preempt.h>
#include <linux/types.h>
#ifdef CONFIG_X86_KERNEL_IBT
#include <asm/cpufeature.h>
#include <asm/msr.h>
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

/*
 * Between them such a function may be called, if it does not sleep: this CPU
 * does not look, as the kernel has it when it calls the firmware (ibt_save()).
 */
static inline bool ks_ibt_off(void)
{
	preempt_disable_notrace();
#ifdef CONFIG_X86_KERNEL_IBT
	if (boot_cpu_has(X86_FEATURE_IBT)) {
		u32 low, high;

		rdmsr(MSR_IA32_S_CET, low, high);
		wrmsr(MSR_IA32_S_CET, low & ~(u32)CET_ENDBR_EN, high);
		/* Whom this has interrupted may have switched it off. */
		return low & CET_ENDBR_EN;
	}
#endif
	return false;
}

static inline void ks_ibt_on(bool looked)
{
#ifdef CONFIG_X86_KERNEL_IBT
	if (looked) {
		u32 low, high;

		rdmsr(MSR_IA32_S_CET, low, high);
		wrmsr(MSR_IA32_S_CET, low | (u32)CET_ENDBR_EN, high);
	}
#endif
	preempt_enable_notrace();
}

#endif /* KS_COMPAT_IBT_H */
