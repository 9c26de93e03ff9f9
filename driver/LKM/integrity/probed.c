// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ftrace and kprobes have made of the kernel's code is no finding.  The
 * kernel knows its own: trampolines of ftrace, slots of optimized kprobes, and
 * where a kprobe has put a breakpoint in place of an instruction's first byte.
 */
#include <linux/kprobes.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include "../compat/ibt.h"
#include "../engine/fexit.h"
#include "../engine/hook.h"
#include "probed.h"

/* The longest instruction, and one more that it may have been taken for. */
#define PROBED_NEAR	30

void ks_probed_init(struct ks_probed *probed)
{
	/* None of the three sleeps: they are called as ks_ibt_off() has it. */
	probed->is_trampoline = (void *)ks_symbol("is_ftrace_trampoline");
	probed->is_slot = (void *)ks_symbol("__is_insn_slot_addr");
	/* Not there where kprobes are not optimized. */
	probed->slots = (void *)ks_symbol("kprobe_optinsn_slots");
	probed->kprobe = (void *)ks_symbol("get_kprobe");
	probed->is_module_text = (void *)ks_callable(ks_symbol("is_module_text_address"));
	probed->blind = !probed->is_trampoline || !probed->is_slot || !probed->kprobe;
}

bool ks_probed_target(const struct ks_probed *probed, const struct ks_owner *owner,
		      unsigned long target)
{
	bool is = false, looked;

	/* Functions that are followed call those of the module. */
	if (ks_fexit_is_trampoline(target))
		return true;
	/* A program's trampoline, by BPF's own list of symbols. */
	if (!strcmp(owner->module, "bpf") && !strncmp(owner->symbol, "bpf_trampoline_", 15))
		return true;
	looked = ks_ibt_off();
	if (probed->is_trampoline)
		is = probed->is_trampoline(target);
	if (!is && probed->is_slot && probed->slots)
		is = probed->is_slot(probed->slots, target);
	ks_ibt_on(looked);
	return is;
}

/* The kernel gives these names to what BPF, ftrace and kprobes have made (v5.8, v5.9). */
static bool probed_is_made(const char *module)
{
	return !strcmp(module, "bpf") || !strncmp(module, "__builtin__", 11);
}

enum ks_owned ks_probed_owned(const struct ks_probed *probed, struct ks_owner *owner,
			      unsigned long address)
{
	ks_owner_find(owner, address);
	if (owner->kernel || probed_is_made(owner->module) ||
	    ks_probed_target(probed, owner, address))
		return KS_OWNED;
	/* The data of a module is nobody's code. */
	if (*owner->module && (!probed->is_module_text || probed->is_module_text(address)))
		return KS_OWNED;
	return probed->blind ? KS_OWNED_UNKNOWN : KS_OWNED_BY_NOBODY;
}

bool ks_probed_at(const struct ks_probed *probed, unsigned long address)
{
	bool is, looked;

	if (!probed->kprobe)
		return false;
	rcu_read_lock();
	looked = ks_ibt_off();
	is = probed->kprobe((void *)address);
	ks_ibt_on(looked);
	rcu_read_unlock();
	return is;
}

bool ks_probed_near(const struct ks_probed *probed, unsigned long function, u32 offset)
{
	u32 at = offset > PROBED_NEAR ? offset - PROBED_NEAR : 0;
	bool is = false, looked;

	if (!probed->kprobe)
		return false;
	rcu_read_lock();
	looked = ks_ibt_off();
	for (; at <= offset && !is; at++)
		is = probed->kprobe((void *)(function + at));
	ks_ibt_on(looked);
	rcu_read_unlock();
	return is;
}
