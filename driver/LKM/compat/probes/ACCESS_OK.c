// SPDX-License-Identifier: GPL-2.0-only
/*
 * v5.0, 96d4f267e40f ("Remove 'type' argument from access_ok() function");
 * RHEL 8's 4.18 has it.
 */
#include <linux/uaccess.h>

static bool __maybe_unused probe(const void __user *from, size_t size)
{
	return access_ok(from, size);
}
