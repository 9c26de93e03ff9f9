/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_MM_H
#define SHIM_MM_H

#include <linux/types.h>

#define PAGE_SIZE		4096UL
#define offset_in_page(a)	((unsigned long)(a) & (PAGE_SIZE - 1))
#define min_t(type, a, b)	((type)(a) < (type)(b) ? (type)(a) : (type)(b))

#endif /* SHIM_MM_H */
