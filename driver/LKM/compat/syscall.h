/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System calls: what their functions are called, and how their callers are
 * told apart.
 * v4.17, d5a00528b58c ("syscalls/core, syscalls/x86: Rename struct pt_regs-
 * based sys_*() to __x64_sys_*()"), of arm64 v4.19, 4378a7d4be30 ("arm64:
 * implement syscall wrappers"): before, without a prefix.
 * v5.1, b35f549df1d7 ("syscalls: Remove start and number from
 * syscall_get_arguments() args").
 * v5.1, 3eb39f47934f ("signal: add pidfd_send_signal() syscall").
 * v5.1, 2b188cc1bb85 ("Add io_uring IO interface").
 * v5.0, 4e21565b7fd4 ("asm-generic: add kexec_file_load system call to
 * unistd.h"): before, only x86 has it, and its 32-bit ABI never got it.
 */
#ifndef KS_COMPAT_SYSCALL_H
#define KS_COMPAT_SYSCALL_H

#include <linux/compat.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/thread_info.h>
#include <linux/version.h>
#include <asm/syscall.h>
#include <asm/unistd.h>

#ifdef CONFIG_X86_64
#include <asm/unistd_32_ia32.h>
#endif

#if (defined(CONFIG_X86_64) && LINUX_VERSION_CODE < KERNEL_VERSION(4, 17, 0)) || \
	(defined(CONFIG_ARM64) && LINUX_VERSION_CODE < KERNEL_VERSION(4, 19, 0))
#define KS_SYSCALL_PREFIXES	"sys_", "compat_sys_"
#elif defined(CONFIG_X86_64)
#define KS_SYSCALL_PREFIXES	"__x64_sys_", "__ia32_sys_", "__ia32_compat_sys_"
#elif defined(CONFIG_ARM64)
#define KS_SYSCALL_PREFIXES	"__arm64_sys_", "__arm64_compat_sys_"
#elif defined(CONFIG_RISCV)
#define KS_SYSCALL_PREFIXES	"__riscv_sys_", "__riscv_compat_sys_"
#else
#define KS_SYSCALL_PREFIXES	"sys_"
#endif

static const char * const ks_syscall_prefixes[] __maybe_unused = { KS_SYSCALL_PREFIXES, NULL };

/* A system call by name, as each ABI numbers it; -1: it has none. */
struct ks_syscall_number {
	const char *name;
	int native;
	int compat;
};

/* One that the 32-bit ABI of x86 has as a part of another one only. */
#define KS_SYSCALL_NUMBER_NATIVE(name)	{ #name, __NR_##name, -1 }

#ifdef CONFIG_X86_64
#define KS_SYSCALL_NUMBER(name)		{ #name, __NR_##name, __NR_ia32_##name }
#define KS_SYSCALL_NUMBER_OLD(name)	KS_SYSCALL_NUMBER(name)
#else
#define KS_SYSCALL_NUMBER(name)		{ #name, __NR_##name, -1 }
/* Architectures that came later have only what replaced it. */
#define KS_SYSCALL_NUMBER_OLD(name)	{ #name, -1, -1 }
#endif

#ifndef __NR_pidfd_send_signal
#define __NR_pidfd_send_signal		(-1)
#define __NR_ia32_pidfd_send_signal	(-1)
#endif
#ifndef __NR_open_tree
#define __NR_open_tree			(-1)
#define __NR_ia32_open_tree		(-1)
#endif

#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup		(-1)
#define __NR_ia32_io_uring_setup	(-1)
#define __NR_io_uring_register		(-1)
#define __NR_ia32_io_uring_register	(-1)
#endif

#ifndef __NR_kexec_file_load
#define __NR_kexec_file_load		(-1)
#endif
#ifndef __NR_ia32_kexec_file_load
#define __NR_ia32_kexec_file_load	(-1)
#endif

/*
 * Whether current is in a 32-bit system call.  On x86 every task looks like an
 * x32 one while it is in an exception: the number is -1 then.
 */
static inline bool ks_syscall_is_compat(void)
{
#if defined(CONFIG_X86_64)
	return in_compat_syscall() && (int)task_pt_regs(current)->orig_ax != -1;
#elif defined(CONFIG_COMPAT)
	return in_compat_syscall();
#else
	return false;
#endif
}

/* As the caller passed them. */
static inline void ks_syscall_arguments(struct pt_regs *regs, unsigned long arg[6])
{
#ifdef KS_HAVE_SYSCALL_ARGUMENTS
	syscall_get_arguments(current, regs, arg);
#else
	syscall_get_arguments(current, regs, 0, 6, arg);
#endif
}

#endif /* KS_COMPAT_SYSCALL_H */
