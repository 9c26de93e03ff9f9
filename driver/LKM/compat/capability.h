/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/capability.h>
 * v6.3, f122a08b197d ("capability: just use a 'u64' instead of a 'u32[2]'
 * array").
 */
#ifndef KS_COMPAT_CAPABILITY_H
#define KS_COMPAT_CAPABILITY_H

#include <linux/capability.h>
#include <linux/version.h>

static inline u64 ks_cap_bits(kernel_cap_t set)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	return set.val;
#else
	return set.cap[0] | (u64)set.cap[1] << 32;
#endif
}

#endif /* KS_COMPAT_CAPABILITY_H */
