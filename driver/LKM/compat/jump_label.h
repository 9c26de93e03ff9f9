/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/jump_label.h>: branches that the kernel patches to be taken or not.
 * v4.19, 9ae033aca8d6 ("jump_label: Abstract jump_entry member accessors"),
 * 50ff18ab497a ("jump_label: Implement generic support for relative
 * references").
 * v5.0, e9666d10a567 ("jump_label: move 'asm goto' support test to Kconfig").
 * v5.14, ab3257042c26 ("jump_label, x86: Allow short NOPs"): of two bytes.
 */
#ifndef KS_COMPAT_JUMP_LABEL_H
#define KS_COMPAT_JUMP_LABEL_H

#include <linux/jump_label.h>
#include <linux/types.h>
#include <linux/version.h>
#include "uaccess.h"

/* The begin of an instruction there, which is patched: bytes of it. */
static inline u32 ks_jump_size(const u8 *code)
{
#ifdef CONFIG_X86_64
	return code[0] == 0xeb || (code[0] == 0x66 && code[1] == 0x90) ? 2 : 5;
#else
	return 4;
#endif
}

#if defined(HAVE_JUMP_LABEL) || \
	(defined(CONFIG_JUMP_LABEL) && LINUX_VERSION_CODE >= KERNEL_VERSION(5, 0, 0))
#define KS_JUMP_ENTRY	sizeof(struct jump_entry)

/* Of the entry at an address: its instruction, and where that leads when it jumps. */
static inline bool ks_jump_entry(unsigned long at, unsigned long *code, unsigned long *target)
{
	struct jump_entry entry;

	if (copy_from_kernel_nofault(&entry, (void *)at, sizeof(entry)))
		return false;
	*code = entry.code;
	*target = entry.target;
#ifdef CONFIG_HAVE_ARCH_JUMP_LABEL_RELATIVE
	*code += at + offsetof(struct jump_entry, code);
	*target += at + offsetof(struct jump_entry, target);
#endif
	return true;
}
#else
#define KS_JUMP_ENTRY	0

static inline bool ks_jump_entry(unsigned long at, unsigned long *code, unsigned long *target)
{
	return false;
}
#endif

#endif /* KS_COMPAT_JUMP_LABEL_H */
