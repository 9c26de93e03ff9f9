/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/uio.h>
 * v6.0, fcb14cb1bdac ("new iov_iter flavour - ITER_UBUF"): more than one kind is
 * of user memory.
 */
#ifndef KS_COMPAT_UIO_H
#define KS_COMPAT_UIO_H

#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/version.h>

static inline bool ks_iter_is_user(const struct iov_iter *iter)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 0, 0)
	return user_backed_iter(iter);
#else
	return iter_is_iovec(iter);
#endif
}

/*
 * What it begins with, of whatever kind it is, and without waiting for a page:
 * bytes copied.  The iterator stays where it is.
 */
static inline size_t ks_iter_peek(void *to, size_t size, const struct iov_iter *iter)
{
	struct iov_iter copy = *iter;
	size_t copied;

	pagefault_disable();
	copied = copy_from_iter(to, size, &copy);
	pagefault_enable();
	return copied;
}

#endif /* KS_COMPAT_UIO_H */
