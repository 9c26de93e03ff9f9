// SPDX-License-Identifier: GPL-2.0-only
/*
 * v6.4, da8bdfbd4223 ("ftrace: Rename _ftrace_direct_multi APIs to
 * _ftrace_direct APIs"), 8788ca164eb4 ("ftrace: Remove the legacy
 * _ftrace_direct API").
 */
#include <linux/ftrace.h>

static int __maybe_unused probe(struct ftrace_ops *ops, unsigned long addr)
{
	return register_ftrace_direct(ops, addr) ?: unregister_ftrace_direct(ops, addr, false);
}
