/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/uaccess.h>
 * v5.8, fe557319aa06 ("maccess: rename probe_kernel_{read,write} to
 * copy_{from,to}_kernel_nofault"), c0ee37e85e0e ("maccess: rename
 * probe_user_{read,write} to copy_{from,to}_user_nofault"); v5.3, 3d7081822f7f
 * ("uaccess: Add non-pagefault user-space read functions").
 * v5.4, f5a1a536fa14 ("lib: introduce copy_struct_from_user() helper").
 * v5.0, 96d4f267e40f ("Remove 'type' argument from access_ok() function").
 */
#ifndef KS_COMPAT_UACCESS_H
#define KS_COMPAT_UACCESS_H

#include <linux/uaccess.h>
#include <linux/version.h>

#ifndef KS_HAVE_NOFAULT
#ifdef KS_HAVE_ACCESS_OK
#define ks_access_ok(from, size)	access_ok(from, size)
#else
#define ks_access_ok(from, size)	access_ok(VERIFY_READ, from, size)
#endif

/* Whatever limit the task works with for the moment: the memory is user space's. */
static inline long ks_copy_from_user_nofault(void *to, const void __user *from, size_t size)
{
	mm_segment_t limit = get_fs();
	long left = size;

	set_fs(USER_DS);
	pagefault_disable();
	if (ks_access_ok(from, size))
		left = __copy_from_user_inatomic(to, from, size);
	pagefault_enable();
	set_fs(limit);
	return left ? -EFAULT : 0;
}

#define copy_from_user_nofault			ks_copy_from_user_nofault
#define copy_from_kernel_nofault(to, from, size)	probe_kernel_read(to, from, size)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 4, 0)
static inline int ks_copy_struct_from_user(void *to, size_t size, const void __user *from,
					   size_t user_size)
{
	const u8 __user *at = from;
	size_t i;
	u8 byte;

	for (i = size; i < user_size; i++) {
		if (get_user(byte, at + i))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	memset(to, 0, size);
	return copy_from_user(to, from, min(size, user_size)) ? -EFAULT : 0;
}

#define copy_struct_from_user	ks_copy_struct_from_user
#endif

#endif /* KS_COMPAT_UACCESS_H */
