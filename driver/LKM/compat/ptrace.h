/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/ptrace.h>
 * v4.20, 3c88ee194c28 ("x86: ptrace: Add function argument access API"), of
 * arm64 v5.2, "arm64: ptrace: Add function argument access API".
 */
#ifndef KS_COMPAT_PTRACE_H
#define KS_COMPAT_PTRACE_H

#include <linux/ptrace.h>
#include <linux/version.h>
#include "../engine/hook.h"

#if defined(CONFIG_X86_64) && LINUX_VERSION_CODE < KERNEL_VERSION(4, 20, 0)
static __always_inline unsigned long ks_regs_argument(const struct pt_regs *regs, unsigned int n)
{
	const unsigned long arg[] = { regs->di, regs->si, regs->dx, regs->cx, regs->r8, regs->r9 };

	return arg[n];
}

#elif defined(CONFIG_ARM64) && LINUX_VERSION_CODE < KERNEL_VERSION(5, 2, 0)
#define ks_regs_argument(from, n)	((from)->regs[n])
#else
#define ks_regs_argument(from, n)	regs_get_kernel_argument(from, n)
#endif

/* Where the function that is entered will return to. */
static __always_inline unsigned long ks_regs_caller(const struct pt_regs *regs)
{
#if defined(CONFIG_X86_64)
	return *(const unsigned long *)regs->sp;
#elif defined(CONFIG_ARM64)
	return regs->regs[30];
#elif defined(CONFIG_RISCV)
	return regs->ra;
#else
	return 0;
#endif
}

/* By value, so that nothing of it is set twice. */
static __always_inline struct ks_call ks_ptrace_call(struct pt_regs *regs)
{
	return (struct ks_call){ {
		ks_regs_argument(regs, 0), ks_regs_argument(regs, 1),
		ks_regs_argument(regs, 2), ks_regs_argument(regs, 3),
		ks_regs_argument(regs, 4), ks_regs_argument(regs, 5),
	}, ks_regs_caller(regs) };
}

#endif /* KS_COMPAT_PTRACE_H */
