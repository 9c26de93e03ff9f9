// SPDX-License-Identifier: GPL-2.0-only
/* A module that does nothing, to be loaded. */
#include <linux/module.h>

static int __init ksonde_smoke_init(void)
{
	return 0;
}

static void __exit ksonde_smoke_exit(void)
{
}

module_init(ksonde_smoke_init);
module_exit(ksonde_smoke_exit);
MODULE_DESCRIPTION("What the smoke test loads");
MODULE_LICENSE("GPL");
