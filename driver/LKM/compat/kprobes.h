/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/kprobes.h>
 */
#ifndef KS_COMPAT_KPROBES_H
#define KS_COMPAT_KPROBES_H

#include <linux/kprobes.h>
#include <linux/version.h>

/*
 * With indirect branch tracking a probe sits behind the function's endbr64:
 * v5.18, cc66bb914578 ("x86/ibt,kprobes: Cure sym+0 equals fentry woes").
 * An indirect call must go to the endbr64 itself.
 */
static inline unsigned long ks_kprobe_function(const struct kprobe *probe)
{
	unsigned long address = (unsigned long)probe->addr;
#ifdef CONFIG_X86_KERNEL_IBT
	u32 before;

	if (!get_kernel_nofault(before, (u32 *)(address - 4)) && before == 0xfa1e0ff3)
		address -= 4;
#endif
	return address;
}

/*
 * v5.11, d741bf41d7c7 ("kprobes: Remove kretprobe hash"): the instance has no
 * pointer to its probe any more.  Without kretprobes there are no instances:
 * registering one fails.
 */
#ifndef CONFIG_KRETPROBES
#define ks_kretprobe_of(instance)	((struct kretprobe *)NULL)
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
#define ks_kretprobe_of(instance)	get_kretprobe(instance)
#else
#define ks_kretprobe_of(instance)	((instance)->rp)
#endif

/* What a probe has put into the code begins there, maybe: a breakpoint, or a jump (optimized). */
#ifdef CONFIG_X86_64
#define KS_KPROBE_ALIGN	1
#define KS_KPROBE_BYTES	5
#elif defined(CONFIG_ARM64)
#define KS_KPROBE_ALIGN	4
#define KS_KPROBE_BYTES	4
#else
#define KS_KPROBE_ALIGN	2
#define KS_KPROBE_BYTES	4
#endif

static inline bool ks_kprobe_maybe(const u8 *code)
{
#ifdef CONFIG_X86_64
	return code[0] == 0xcc || code[0] == 0xe9;
#elif defined(CONFIG_ARM64)
	return code[3] == 0xd4;
#else
	/* c.ebreak, and half of ebreak. */
	return (code[0] == 0x02 && code[1] == 0x90) || (code[0] == 0x73 && !code[1]);
#endif
}

#endif /* KS_COMPAT_KPROBES_H */
