// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses of kernel symbols.  kallsyms_lookup_name() is not exported since
 * v5.7 (0bd476e6c671); a kprobe on it tells where it is.
 */
#include <linux/kprobes.h>
#include <linux/mutex.h>
#include "../compat/ibt.h"
#include "../compat/kprobes.h"
#include "hook.h"
#include "mechanism.h"

typedef unsigned long (*ks_lookup_fn)(const char *name);

static DEFINE_MUTEX(ks_symbol_lock);
static ks_lookup_fn ks_lookup;

static ks_lookup_fn symbol_find_lookup(void)
{
	/* Never armed: what is not armed can always be taken away. */
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name",
				.flags = KPROBE_FLAG_DISABLED };
	unsigned long address = 0;
	int err = register_kprobe(&probe);

	/* Refused there, as on riscv64 where ftrace is: the symbol was found before that. */
	if (probe.addr && (!err || err == -EINVAL))
		address = ks_kprobe_function(&probe);
	if (!err)
		unregister_kprobe(&probe);
	return (ks_lookup_fn)address;
}

unsigned long ks_symbol(const char *name)
{
	unsigned long address = 0;
	bool looked;

	mutex_lock(&ks_symbol_lock);
	if (!ks_lookup)
		ks_lookup = symbol_find_lookup();
	if (ks_lookup) {
		looked = ks_ibt_off();
		address = ks_lookup(name);
		ks_ibt_on(looked);
	}
	mutex_unlock(&ks_symbol_lock);
	return address;
}
