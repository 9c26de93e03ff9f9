// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses of kernel symbols.  kallsyms_lookup_name() is not exported since
 * v5.7 (0bd476e6c671); a kprobe on it tells where it is.
 *
 * Before v6.2 (60443c88f3a8) it reads half of all symbols to find one: what is
 * of the kernel itself stays where it is, and is looked up once.
 */
#include <linux/kprobes.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include "../compat/ibt.h"
#include "../compat/kprobes.h"
#include "hook.h"
#include "mechanism.h"

#define SYMBOL_KNOWN	128

static struct {
	char name[40];
	unsigned long address;
} symbol_known[SYMBOL_KNOWN];
static u32 symbol_known_count;
static unsigned long symbol_begin, symbol_end;	/* of the kernel itself */

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

/* Preemption is off between the two where indirect branches are tracked. */
static unsigned long symbol_look(const char *name)
{
	bool looked = ks_ibt_off();
	unsigned long address = ks_lookup(name);

	ks_ibt_on(looked);
	return address;
}

static unsigned long symbol_remembered(const char *name)
{
	u32 i;

	for (i = 0; i < symbol_known_count; i++) {
		if (!strcmp(symbol_known[i].name, name))
			return symbol_known[i].address;
	}
	return 0;
}

static void symbol_remember(const char *name, unsigned long address)
{
	if (!symbol_end) {
		symbol_begin = symbol_look("_stext");
		symbol_end = symbol_look("_end") ?: 1;
	}
	if (address < symbol_begin || address >= symbol_end ||
	    symbol_known_count == SYMBOL_KNOWN || strlen(name) >= sizeof(symbol_known[0].name))
		return;
	strscpy(symbol_known[symbol_known_count].name, name, sizeof(symbol_known[0].name));
	symbol_known[symbol_known_count++].address = address;
}

unsigned long ks_symbol(const char *name)
{
	unsigned long address;

	mutex_lock(&ks_symbol_lock);
	if (!ks_lookup)
		ks_lookup = symbol_find_lookup();
	address = symbol_remembered(name);
	if (ks_lookup && !address) {
		address = symbol_look(name);
		symbol_remember(name, address);
	}
	mutex_unlock(&ks_symbol_lock);
	return address;
}
