/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/ptrace.h>
 */
#ifndef KS_COMPAT_PTRACE_H
#define KS_COMPAT_PTRACE_H

#include <linux/ptrace.h>
#include "../engine/hook.h"

static __always_inline void ks_ptrace_call(struct ks_call *call, struct pt_regs *regs)
{
	call->arg[0] = regs_get_kernel_argument(regs, 0);
	call->arg[1] = regs_get_kernel_argument(regs, 1);
	call->arg[2] = regs_get_kernel_argument(regs, 2);
	call->arg[3] = regs_get_kernel_argument(regs, 3);
}

#endif /* KS_COMPAT_PTRACE_H */
