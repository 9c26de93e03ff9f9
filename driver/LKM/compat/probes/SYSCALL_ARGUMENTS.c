// SPDX-License-Identifier: GPL-2.0-only
/*
 * v5.1, b35f549df1d7 ("syscalls: Remove start and number from
 * syscall_get_arguments() args").
 */
#include <linux/sched.h>
#include <asm/syscall.h>

static void __maybe_unused probe(struct pt_regs *regs, unsigned long arg[6])
{
	syscall_get_arguments(current, regs, arg);
}
