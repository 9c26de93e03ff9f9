/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/ftrace.h>: direct calls.
 * v5.5, 763e34e74bb7 ("ftrace: Add register_ftrace_direct()").
 * v5.16, f64dd4627ec6 ("ftrace: Add multi direct register/unregister
 * interface"): with an ops of one's own.
 * v6.4, da8bdfbd4223 ("ftrace: Rename _ftrace_direct_multi APIs to
 * _ftrace_direct APIs").
 */
#ifndef KS_COMPAT_FEXIT_H
#define KS_COMPAT_FEXIT_H

#include <linux/errno.h>
#include <linux/rcupdate.h>
#include "ftrace.h"

#if defined(CONFIG_X86_64) && defined(CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)
#define KS_FEXIT_WORKS	true

/* fexit_x86.S */
extern const unsigned long ks_fexit_trampolines[];
extern const unsigned long ks_fentry_trampolines[];

static inline unsigned long ks_fexit_trampoline(unsigned int slot)
{
	return ks_fexit_trampolines[slot];
}

static inline unsigned long ks_fentry_trampoline(unsigned int slot)
{
	return ks_fentry_trampolines[slot];
}

#ifdef KS_HAVE_FTRACE_DIRECT
#define ks_direct_register_ops		register_ftrace_direct
#define ks_direct_unregister_ops(ops, trampoline) \
	unregister_ftrace_direct(ops, trampoline, false)
#elif defined(KS_HAVE_FTRACE_DIRECT_MULTI)
#define ks_direct_register_ops		register_ftrace_direct_multi
#define ks_direct_unregister_ops	unregister_ftrace_direct_multi
#endif

static inline int ks_direct_register(struct ftrace_ops *ops, unsigned long function,
				     unsigned long trampoline)
{
#ifdef ks_direct_register_ops
	int err = ftrace_set_filter_ip(ops, function, 0, 0);

	if (err)
		return err;
	err = ks_direct_register_ops(ops, trampoline);
	if (err)
		ks_ftrace_free_filter(ops);
	return err;
#else
	return register_ftrace_direct(function, trampoline);
#endif
}

/* Where it cannot be taken away the function still calls the trampoline. */
static inline int ks_direct_unregister(struct ftrace_ops *ops, unsigned long function,
				       unsigned long trampoline)
{
#ifdef ks_direct_register_ops
	int err = ks_direct_unregister_ops(ops, trampoline);

	if (!err)
		ks_ftrace_free_filter(ops);
	return err;
#else
	int err = unregister_ftrace_direct(function, trampoline);

	/* With an ops of one's own the kernel has waited for who is in there. */
	if (!err)
		synchronize_rcu_tasks();
	return err;
#endif
}

/*
 * Waits until nobody is in the few instructions of a trampoline that run with
 * preemption on; they never sleep.
 */
static inline void ks_synchronize_direct(void)
{
	synchronize_rcu_tasks();
}

#else
#define KS_FEXIT_WORKS	false

static inline unsigned long ks_fexit_trampoline(unsigned int slot)
{
	return 0;
}

static inline unsigned long ks_fentry_trampoline(unsigned int slot)
{
	return 0;
}

static inline int ks_direct_register(struct ftrace_ops *ops, unsigned long function,
				     unsigned long trampoline)
{
	return -EOPNOTSUPP;
}

static inline int ks_direct_unregister(struct ftrace_ops *ops, unsigned long function,
				       unsigned long trampoline)
{
	return 0;
}

static inline void ks_synchronize_direct(void)
{
}
#endif

#endif /* KS_COMPAT_FEXIT_H */
