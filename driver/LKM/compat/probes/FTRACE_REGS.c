// SPDX-License-Identifier: GPL-2.0-only
/*
 * v6.13, 7888af4166d4 ("ftrace: Make ftrace_regs abstract from direct use");
 * stable 6.12 has it.
 */
#include <linux/ftrace.h>

static struct pt_regs * __maybe_unused probe(struct ftrace_regs *fregs)
{
	return &arch_ftrace_regs(fregs)->regs;
}
