/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <asm/unistd.h>, <asm/syscall.h>: system calls as the caller's ABI numbers
 * them.  The 32-bit numbers are to be had by name on x86 only.
 */
#ifndef KS_COMPAT_UNISTD_H
#define KS_COMPAT_UNISTD_H

#include <linux/sched/task_stack.h>
#include <asm/syscall.h>
#include "syscall.h"

#if defined(CONFIG_X86_64)
#define KS_COMPAT_NR_FINIT_MODULE	__NR_ia32_finit_module
#elif defined(CONFIG_ARM64)
#define KS_COMPAT_NR_FINIT_MODULE	379
#else
#define KS_COMPAT_NR_FINIT_MODULE	__NR_finit_module
#endif

/* Slots of the tables; 0: not known.  What follows a table in memory belongs to its symbol, too. */
#ifdef NR_syscalls
#define KS_SYSCALLS		NR_syscalls
#else
#define KS_SYSCALLS		0
#endif
#ifdef IA32_NR_syscalls
#define KS_SYSCALLS_IA32	IA32_NR_syscalls
#else
#define KS_SYSCALLS_IA32	0
#endif

static inline bool ks_is_finit_module(int nr, bool compat)
{
	return nr == (compat ? KS_COMPAT_NR_FINIT_MODULE : __NR_finit_module);
}

/* The system call that the current task is in. */
static inline int ks_current_syscall(unsigned long arg[6])
{
	struct pt_regs *regs = task_pt_regs(current);

	ks_syscall_arguments(regs, arg);
	return syscall_get_nr(current, regs);
}

#endif /* KS_COMPAT_UNISTD_H */
