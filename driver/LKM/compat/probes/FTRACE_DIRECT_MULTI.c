// SPDX-License-Identifier: GPL-2.0-only
/*
 * v5.16, f64dd4627ec6 ("ftrace: Add multi direct register/unregister
 * interface"), until v6.4.
 */
#include <linux/ftrace.h>

static int __maybe_unused probe(struct ftrace_ops *ops, unsigned long addr)
{
	return register_ftrace_direct_multi(ops, addr) ?:
	       unregister_ftrace_direct_multi(ops, addr);
}
