/* SPDX-License-Identifier: GPL-2.0-only */
/* Which decoder is for the kernel's own code. */
#ifndef KS_COMPAT_DECODE_H
#define KS_COMPAT_DECODE_H

#include "../lsm/decode.h"

#ifdef CONFIG_X86_64
#define KS_DECODES	true
#define ks_decode	ks_decode_x86
#elif defined(CONFIG_ARM64)
#define KS_DECODES	true
#define ks_decode	ks_decode_arm64
#elif defined(CONFIG_RISCV) && defined(CONFIG_64BIT)
#define KS_DECODES	true
#define ks_decode	ks_decode_riscv
#else
#define KS_DECODES	false
static inline size_t ks_decode(const u8 *code, size_t size, u64 address, struct ks_refs *refs)
{
	return 0;
}
#endif

#endif /* KS_COMPAT_DECODE_H */
