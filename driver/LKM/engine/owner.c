// SPDX-License-Identifier: GPL-2.0-only
/*
 * sprint_symbol() is what every kernel exports: "name+0x12/0x34 [module]", or
 * the address alone when nobody has it.
 */
#include <linux/string.h>
#include "../core/text.h"
#include "hook.h"
#include "owner.h"

static unsigned long owner_begin, owner_text_end, owner_end;

/* Where the kernel itself is. */
static void owner_init(void)
{
	if (READ_ONCE(owner_text_end))
		return;
	WRITE_ONCE(owner_begin, ks_symbol("_stext"));
	WRITE_ONCE(owner_end, ks_symbol("_end"));
	WRITE_ONCE(owner_text_end, ks_symbol("_etext"));
}

bool ks_owner_is_kernel(unsigned long address)
{
	owner_init();
	return address >= READ_ONCE(owner_begin) && address < READ_ONCE(owner_text_end);
}

bool ks_owner_is_image(unsigned long address)
{
	owner_init();
	return address >= READ_ONCE(owner_begin) && address < READ_ONCE(owner_end);
}

void ks_owner_find(struct ks_owner *owner, unsigned long address)
{
	char *plus, *module;

	sprint_symbol(owner->text, address);
	owner->symbol = "";
	owner->module = "";
	owner->offset = 0;
	owner->size = 0;
	owner->kernel = ks_owner_is_kernel(address);
	module = strstr(owner->text, " [");
	if (module) {
		*module = '\0';
		owner->module = module + 2;
		strreplace(module + 2, ']', '\0');
	}
	plus = strrchr(owner->text, '+');
	if (!plus || sscanf(plus, "+%lx/%lx", &owner->offset, &owner->size) != 2)
		return;
	*plus = '\0';
	owner->symbol = owner->text;
	/* What BPF has made: the kernel names its module to /proc/kallsyms only. */
	if (!module && !strncmp(owner->symbol, "bpf_", 4) && !ks_owner_is_image(address))
		owner->module = "bpf";
}

void ks_owner_write(struct ks_text *text, struct ks_owner *owner, unsigned long address,
		    bool addresses)
{
	ks_owner_find(owner, address);
	ks_text_add(text, "{");
	if (addresses)
		ks_text_add(text, "\"address\":\"0x%lx\",", address);
	ks_text_add(text, "\"symbol\":");
	ks_text_string(text, owner->symbol);
	ks_text_add(text, ",\"offset\":%lu,\"module\":", owner->offset);
	ks_text_string(text, owner->module);
	ks_text_add(text, ",\"kernel\":%s}", owner->kernel ? "true" : "false");
}
