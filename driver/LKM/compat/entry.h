/* SPDX-License-Identifier: GPL-2.0-only */
/* Which decoder is for the entries of the kernel's own functions. */
#ifndef KS_COMPAT_ENTRY_H
#define KS_COMPAT_ENTRY_H

#include "../integrity/entry.h"

#ifdef CONFIG_X86_64
#define KS_ENTRIES	true
#define ks_entry	ks_entry_x86
#elif defined(CONFIG_ARM64)
#define KS_ENTRIES	true
#define ks_entry	ks_entry_arm64
#elif defined(CONFIG_RISCV) && defined(CONFIG_64BIT)
#define KS_ENTRIES	true
#define ks_entry	ks_entry_riscv
#else
#define KS_ENTRIES	false
static inline unsigned int ks_entry(const u8 *code, size_t size, u64 address,
				    struct ks_leave *leaves)
{
	return 0;
}
#endif

#endif /* KS_COMPAT_ENTRY_H */
