/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <asm/msr.h> of x86: the registers that say what a CPU lets the kernel do, and
 * where it enters it.  v4.15, aa35f896979d ("x86/umip: Enable User-Mode
 * Instruction Prevention at runtime"): not before.
 */
#ifndef KS_COMPAT_MSR_H
#define KS_COMPAT_MSR_H

#include <linux/sched.h>
#include <linux/types.h>

struct ks_registers {
	unsigned long cr0;
	unsigned long cr4;
	unsigned long lstar;
	unsigned long cstar;
	unsigned long sysenter;
	bool read;
	bool guest;	/* the last three may be those of a guest of KVM */
};

#ifdef CONFIG_X86_64
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/special_insns.h>

#define KS_REGISTERS	1
#define KS_CR0_WP	X86_CR0_WP
/* What CR4 must have on a CPU like this; what the user switched off is not. */
#define KS_CR4_WANTED	((boot_cpu_has(X86_FEATURE_SMEP) ? X86_CR4_SMEP : 0) | \
			 (boot_cpu_has(X86_FEATURE_SMAP) ? X86_CR4_SMAP : 0) | \
			 (KS_HAS_UMIP ? KS_CR4_UMIP : 0))
#define KS_CR4_SMEP	X86_CR4_SMEP
#define KS_CR4_SMAP	X86_CR4_SMAP
#ifdef X86_CR4_UMIP
#define KS_CR4_UMIP	X86_CR4_UMIP
#define KS_HAS_UMIP	boot_cpu_has(X86_FEATURE_UMIP)
#else
#define KS_CR4_UMIP	0UL
#define KS_HAS_UMIP	false
#endif
/* The hypervisor has the registers, not the kernel. */
#define KS_REGISTERS_FOREIGN	boot_cpu_has(X86_FEATURE_XENPV)

static inline unsigned long ks_msr(u32 number)
{
	u32 low, high;

	rdmsr(number, low, high);
	return (u64)high << 32 | low;
}

/* Of this CPU; not to be moved away meanwhile. */
static inline void ks_registers_read(struct ks_registers *registers)
{
	registers->cr0 = read_cr0();
	registers->cr4 = __read_cr4();
	registers->lstar = ks_msr(MSR_LSTAR);
	registers->cstar = ks_msr(MSR_CSTAR);
	registers->sysenter = ks_msr(MSR_IA32_SYSENTER_EIP);
	/* KVM puts the kernel's own back when it returns to user space. */
#ifdef TIF_USER_RETURN_NOTIFY
	registers->guest = test_thread_flag(TIF_USER_RETURN_NOTIFY);
#endif
	registers->read = true;
}
#else
#define KS_REGISTERS		0
#define KS_CR0_WP		0UL
#define KS_CR4_WANTED		0UL
#define KS_CR4_SMEP		0UL
#define KS_CR4_SMAP		0UL
#define KS_CR4_UMIP		0UL
#define KS_REGISTERS_FOREIGN	false

static inline void ks_registers_read(struct ks_registers *registers)
{
}
#endif

#endif /* KS_COMPAT_MSR_H */
