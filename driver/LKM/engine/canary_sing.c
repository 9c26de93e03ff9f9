// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only functions of the module that can be traced: the canaries' probes
 * are on them, and nobody but the canaries calls them.
 */
#include <linux/compiler.h>
#include "canary.h"

noinline void ks_canary_ftrace(void)
{
	barrier();
}

noinline void ks_canary_kprobe(void)
{
	barrier();
}

noinline int ks_canary_kretprobe(void)
{
	barrier();
	return 0;
}

noinline int ks_canary_fexit(void)
{
	barrier();
	return 0;
}
