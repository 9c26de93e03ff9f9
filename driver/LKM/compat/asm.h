/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For assembly of x86-64.
 * v5.17, f94909ceb1ed ("x86: Prepare asm files for straight-line-speculation"):
 * RET.
 * v5.18, 156ff4a544ae ("x86/ibt: Base IBT bits"): ENDBR; SYM_FUNC_START() had
 * it, too, until v6.15.
 */
#ifndef KS_COMPAT_ASM_H
#define KS_COMPAT_ASM_H

#include <linux/linkage.h>
#ifdef CONFIG_X86_KERNEL_IBT
#include <asm/ibt.h>
#define KS_ENDBR	ENDBR
#else
#define KS_ENDBR
#endif

#ifndef RET
#define RET	ret
#endif

#endif /* KS_COMPAT_ASM_H */
