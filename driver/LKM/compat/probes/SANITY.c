// SPDX-License-Identifier: GPL-2.0-only
/* Must compile everywhere: else probing itself is broken, and the build stops. */
#include <linux/module.h>
#include <linux/sched.h>

static int __maybe_unused probe(void)
{
	return try_module_get(THIS_MODULE) ? current->tgid : 0;
}
