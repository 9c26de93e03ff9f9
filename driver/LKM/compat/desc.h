/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <asm/desc.h> of x86: the table of interrupts.
 */
#ifndef KS_COMPAT_DESC_H
#define KS_COMPAT_DESC_H

#include <linux/types.h>
#include <linux/version.h>

#ifdef CONFIG_X86_64
#include <asm/desc.h>
#include "uaccess.h"

#define KS_IDT_GATES	256

/* Before v5.8 the entries of interrupts are apart from those of exceptions, in .irqentry.text. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 8, 0)
#define KS_IDT_INTERRUPTS(which)	ks_symbol("__irqentry_text_" which)
#else
#define KS_IDT_INTERRUPTS(which)	0UL
#endif

/* Of this CPU; 0: it has none, as with FRED (v6.9, 14619d912b65). */
static inline unsigned long ks_idt(void)
{
	struct desc_ptr idt;

	store_idt(&idt);
	return idt.address;
}

/* Where the kernel maps it, read-only: v4.15, 92a0f81d8957. */
#ifdef CPU_ENTRY_AREA_RO_IDT
#define KS_IDT_MAPPED	CPU_ENTRY_AREA_RO_IDT
#else
#define KS_IDT_MAPPED	0UL
#endif

/* 0: the gate is not used.  false: it cannot be read. */
static inline bool ks_idt_handler(unsigned long idt, unsigned int number, unsigned long *handler)
{
	gate_desc gate;

	if (copy_from_kernel_nofault(&gate, (gate_desc *)idt + number, sizeof(gate)))
		return false;
	*handler = gate.bits.p ? gate_offset(&gate) : 0;
	return true;
}
#else
#define KS_IDT_GATES	0
#define KS_IDT_INTERRUPTS(which)	0UL
#define KS_IDT_MAPPED	0UL

static inline unsigned long ks_idt(void)
{
	return 0;
}

static inline bool ks_idt_handler(unsigned long idt, unsigned int number, unsigned long *handler)
{
	return false;
}
#endif

#endif /* KS_COMPAT_DESC_H */
