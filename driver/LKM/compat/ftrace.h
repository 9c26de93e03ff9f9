/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/ftrace.h>
 * v5.11, d19ad0775dcd ("ftrace: Have the callbacks receive a struct
 * ftrace_regs instead of pt_regs"), 2860cd8a2353 ("livepatch: Use the default
 * ftrace_ops instead of REGS when ARGS is available"): arguments without
 * saving all registers.
 * v6.2, 94d095ffa0e1 ("ftrace: abstract DYNAMIC_FTRACE_WITH_ARGS accesses"):
 * ftrace_regs_get_argument().
 * v6.2, 8be9fbd5345d ("ftrace: Export ftrace_free_filter() to modules").
 */
#ifndef KS_COMPAT_FTRACE_H
#define KS_COMPAT_FTRACE_H

#include <linux/ftrace.h>
#include <linux/version.h>
#include "../engine/hook.h"
#include "ibt.h"
#include "ptrace.h"

#if defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) && \
	LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define KS_FTRACE_WORKS	true
#define KS_FTRACE_FLAGS	0
typedef struct ftrace_regs ks_ftrace_regs;
#define ks_ftrace_argument(regs, n)	ftrace_regs_get_argument(regs, n)
#elif defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) && defined(CONFIG_X86_64)
#define KS_FTRACE_WORKS	true
#define KS_FTRACE_FLAGS	0
typedef struct ftrace_regs ks_ftrace_regs;
#define ks_ftrace_argument(fregs, n)	ks_regs_argument(&(fregs)->regs, n)
#elif defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS) && \
	LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
#define KS_FTRACE_WORKS	true
#define KS_FTRACE_FLAGS	(FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_RECURSION_SAFE)
typedef struct pt_regs ks_ftrace_regs;
#define ks_ftrace_argument(regs, n)	ks_regs_argument(regs, n)
#else
#define KS_FTRACE_WORKS	false
#define KS_FTRACE_FLAGS	0
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
typedef struct ftrace_regs ks_ftrace_regs;
#else
typedef struct pt_regs ks_ftrace_regs;
#endif
#define ks_ftrace_argument(regs, n)	0
#endif

/* false: without arguments, a caller of no use. */
static __always_inline bool ks_ftrace_call(struct ks_call *call, ks_ftrace_regs *regs)
{
	if (!regs)
		return false;
	call->arg[0] = ks_ftrace_argument(regs, 0);
	call->arg[1] = ks_ftrace_argument(regs, 1);
	call->arg[2] = ks_ftrace_argument(regs, 2);
	call->arg[3] = ks_ftrace_argument(regs, 3);
	call->arg[4] = ks_ftrace_argument(regs, 4);
	call->arg[5] = ks_ftrace_argument(regs, 5);
	return true;
}

/*
 * The registers that a kretprobe's entry looks at: arguments and stack pointer.
 * v5.18, f3a112c0c40d ("x86,rethook,kprobes: Replace kretprobe with rethook on
 * x86"), up to v6.13, 7888af4166d4 ("ftrace: Make ftrace_regs abstract from
 * direct use"), which stable 6.12 has, too.
 */
#if defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) && defined(CONFIG_X86_64) && \
	defined(CONFIG_KRETPROBE_ON_RETHOOK) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define KS_FTRACE_KRETPROBES	true
#ifdef KS_HAVE_FTRACE_REGS
#define ks_ftrace_pt_regs(fregs)	(&arch_ftrace_regs(fregs)->regs)
#else
#define ks_ftrace_pt_regs(fregs)	(&(fregs)->regs)
#endif
#else
#define KS_FTRACE_KRETPROBES	false
#define ks_ftrace_pt_regs(fregs)	NULL
#endif

/*
 * Of an ops that is not registered: an empty filter would mean every function.
 * Before it was exported it was there as well; to set another filter instead
 * needs memory, which may not be had.  May sleep, one caller at a time.
 */
static inline void ks_ftrace_free_filter(struct ftrace_ops *ops)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	ftrace_free_filter(ops);
#else
	static void (*free_filter)(struct ftrace_ops *ops);

	if (!free_filter)
		free_filter = (void *)ks_callable(ks_symbol("ftrace_free_filter"));
	if (free_filter)
		free_filter(ops);
	else
		ftrace_set_filter(ops, NULL, 0, 1);
#endif
}

/*
 * What ftrace patches around the address of one of its places: the call, and
 * what is before it where that is not one instruction.  v6.3, baaf553d3bc3
 * ("arm64: Implement HAVE_DYNAMIC_FTRACE_WITH_CALL_OPS"): before the function
 * as well, in the eight aligned bytes that lie twelve before the call.
 */
#ifdef CONFIG_DYNAMIC_FTRACE
#ifdef CONFIG_DYNAMIC_FTRACE_WITH_CALL_OPS
#define KS_FTRACE_BEFORE	20
#elif defined(CONFIG_X86_64)
#define KS_FTRACE_BEFORE	0
#else
#define KS_FTRACE_BEFORE	4
#endif
/* riscv64: of the pair it is the first one, or since v6.16 the second. */
#ifdef CONFIG_RISCV
#define KS_FTRACE_BYTES		8
#else
#define KS_FTRACE_BYTES		MCOUNT_INSN_SIZE
#endif
#define KS_FTRACE_APART		MCOUNT_INSN_SIZE
#else
#define KS_FTRACE_BEFORE	0
#define KS_FTRACE_BYTES		0
#define KS_FTRACE_APART		1
#endif

/*
 * Where an ops is called, by its filter.  The structures are private to ftrace,
 * and their first members the same since v2.6.28; what does not add up is not
 * believed.  Under ftrace_lock, or rcu_read_lock().
 */
struct ks_ftrace_hash {
	unsigned long size_bits;
	struct hlist_head *buckets;
	unsigned long count;
};

struct ks_ftrace_entry {
	struct hlist_node hlist;
	unsigned long ip;
	unsigned long direct;	/* of direct_functions only: v5.5, 763e34e74bb7 */
};

/* Address of what has its filter; 0: none. */
static inline unsigned long ks_ftrace_filter(const struct ftrace_ops *ops)
{
#ifdef CONFIG_DYNAMIC_FTRACE
	return ops->func_hash ?
	       (__force unsigned long)READ_ONCE(ops->func_hash->filter_hash) : 0;
#else
	return 0;
#endif
}

#if defined(CONFIG_FUNCTION_TRACER) && LINUX_VERSION_CODE >= KERNEL_VERSION(5, 5, 0)
#define KS_FTRACE_PERMANENT	FTRACE_OPS_FL_PERMANENT	/* v5.5, 7162431dcf72 */
#else
#define KS_FTRACE_PERMANENT	0
#endif
#if defined(CONFIG_FUNCTION_TRACER) && LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
#define KS_FTRACE_DIRECT	FTRACE_OPS_FL_DIRECT
#else
#define KS_FTRACE_DIRECT	0
#endif

#endif /* KS_COMPAT_FTRACE_H */
