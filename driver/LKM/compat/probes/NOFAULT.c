// SPDX-License-Identifier: GPL-2.0-only
/*
 * v5.8, fe557319aa06 ("maccess: rename probe_kernel_{read,write} to
 * copy_{from,to}_kernel_nofault"), c0ee37e85e0e ("maccess: rename
 * probe_user_{read,write} to copy_{from,to}_user_nofault").
 */
#include <linux/uaccess.h>

static long __maybe_unused probe(void *to, const void __user *from, const void *kernel, size_t size)
{
	return copy_from_user_nofault(to, from, size) ?: copy_from_kernel_nofault(to, kernel, size);
}
