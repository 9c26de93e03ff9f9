/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/unaligned.h>
 * v6.12, 5f60d5f6bbc1 ("move asm/unaligned.h to linux/unaligned.h").
 */
#ifndef KS_COMPAT_UNALIGNED_H
#define KS_COMPAT_UNALIGNED_H

#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#endif /* KS_COMPAT_UNALIGNED_H */
