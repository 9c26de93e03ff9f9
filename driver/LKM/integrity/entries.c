// SPDX-License-Identifier: GPL-2.0-only
/*
 * The entries of all functions, of the kernel and of modules: none may lead
 * out of the kernel's own text, but to what ftrace, kprobes, static calls and
 * BPF have put there.  No image of the kernel is needed for that.  What is
 * wrong must be so at every look within a second: code is patched meanwhile.
 */
#include <linux/delay.h>
#include <linux/elf.h>
#include <linux/preempt.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "../compat/entry.h"
#include "../compat/ibt.h"
#include "../compat/kallsyms.h"
#include "../compat/mm.h"
#include "../compat/module.h"
#include "../compat/uaccess.h"
#include "probed.h"
#include "scan.h"

/* Of the kernel, as offsets from its begin: 1 MiB. */
#define ENTRIES_MAX		262144
/* As many as a tracer may be leaving at that moment, and looks until there are not more. */
#define ENTRIES_SUSPECTS	1024
#define ENTRIES_LOOKS		3
/* Symbols of a module that are read at once, with preemption off. */
#define ENTRIES_BATCH		128
#define ENTRIES_PAUSE_MS	50
/* What is wrong must be so at as many looks. */
#define ENTRIES_AGAIN		20
#define ENTRIES_SHOWN		16

struct entries_suspect {
	unsigned long at;		/* the instruction */
	unsigned long target;
	const struct module *module;	/* whose code it is; NULL: the kernel's; only compared */
};

struct entries_look {
	struct ks_scan *scan;
	struct ks_probed probed;
	struct ks_owner from;
	struct list_head *modules;
	unsigned long begin;		/* of the kernel's text */
	/* What was needed for the start; calls of it are left behind. */
	unsigned long init_begin;
	unsigned long init_end;
	u32 count;
	u32 suspected;
	u32 unjudged;
	bool full;
	bool crowded;			/* by suspects */
	u32 entries[ENTRIES_MAX];
	struct entries_suspect suspects[ENTRIES_SUSPECTS];
};

static KS_EACH_SYMBOL(entries_collect)
{
	struct entries_look *look = data;

	if (!ks_owner_is_kernel(address))
		return 0;
	if (look->count == ENTRIES_MAX) {
		look->full = true;
		return 1;
	}
	look->entries[look->count++] = address - look->begin;
	return 0;
}

/* What the owner of a target is to the code that leads there. */
static bool entries_may(struct entries_look *look, unsigned long at, unsigned long target,
			bool in_module)
{
	struct ks_owner *owner = &look->scan->owner;

	if (ks_owner_is_kernel(target) ||
	    (target >= look->init_begin && target < look->init_end))
		return true;
	ks_owner_find(owner, target);
	if (ks_probed_target(&look->probed, owner, target))
		return true;
	/* Modules call each other. */
	if (in_module && owner->symbol[0] && strcmp(owner->module, "bpf"))
		return true;
	if (!owner->symbol[0])
		return false;
	/* A static call's trampoline, and what dispatches to BPF's programs, lead anywhere. */
	ks_owner_find(&look->from, at);
	return !strncmp(look->from.symbol, "__SCT__", 7) ||
	       (!strcmp(owner->module, "bpf") &&
		!strncmp(look->from.symbol, "bpf_dispatcher_", 15));
}

/* Where a pointer leads, if it lies where only code should be; 0: it says nothing. */
static unsigned long entries_through(struct entries_look *look, unsigned long pointer,
				     bool in_module)
{
	unsigned long target;

	if (copy_from_kernel_nofault(&target, (void *)pointer, sizeof(target)))
		return 0;
	if (ks_owner_is_kernel(pointer))
		return target;
	/* A compiler does this with a pointer in the kernel's data. */
	ks_owner_find(&look->scan->owner, pointer);
	if (!look->scan->owner.symbol[0] && !in_module)
		return target;
	look->unjudged += !ks_owner_is_kernel(target);
	return 0;
}

static void entries_suspect(struct entries_look *look, unsigned long at, unsigned long target,
			    const struct module *module)
{
	u32 i;

	for (i = 0; i < look->suspected; i++) {
		if (look->suspects[i].at == at)
			return;
	}
	if (look->suspected == ENTRIES_SUSPECTS)
		look->crowded = true;
	else
		look->suspects[look->suspected++] = (struct entries_suspect){ at, target, module };
}

static void entries_one(struct entries_look *look, unsigned long function,
			const struct module *module)
{
	struct ks_leave leaves[KS_LEAVES];
	u8 code[KS_ENTRY_SIZE];
	unsigned long target;
	unsigned int count, i;

	look->scan->checked++;
	if (copy_from_kernel_nofault(code, (void *)function, sizeof(code)))
		return;
	count = ks_entry(code, sizeof(code), function, leaves);
	for (i = 0; i < count; i++) {
		target = leaves[i].address;
		if (leaves[i].kind == KS_LEAVE_THROUGH)
			target = entries_through(look, target, module);
		if (!target || entries_may(look, function + leaves[i].offset, target, module))
			continue;
		if (look->probed.blind)
			look->unjudged++;
		else
			entries_suspect(look, function + leaves[i].offset, target, module);
	}
}

static void entries_kernel(struct entries_look *look)
{
	unsigned long each = ks_callable(ks_symbol("kallsyms_on_each_symbol"));
	u32 i;

	look->begin = ks_symbol("_stext");
	look->init_begin = ks_symbol("__init_begin");
	look->init_end = ks_symbol("__init_end");
	if (!each || !look->begin || ks_each_symbol(each, entries_collect, look) < 0)
		look->scan->why = "the kernel does not list its symbols";
	for (i = 0; i < look->count; i++) {
		entries_one(look, look->begin + look->entries[i], NULL);
		if (!(i & 0xfff))
			cond_resched();
	}
}

/* Preemption is off: neither the module nor its symbols go. */
static const struct module *entries_module(struct entries_look *look, u32 number)
{
	const struct module *module;

	list_for_each_entry_rcu(module, look->modules, list) {
		if (module->state == MODULE_STATE_LIVE && !number--)
			return module;
	}
	return NULL;
}

/* Addresses of a module's functions; at is moved behind those symbols that were read. */
static u32 entries_symbols(const struct module *module, u32 *at, unsigned long *functions)
{
	const struct mod_kallsyms *kallsyms = rcu_dereference_sched(module->kallsyms);
	unsigned long text, size;
	u32 count = 0, end;

	if (!kallsyms)
		return 0;
	text = ks_module_text(module, &size);
	end = min_t(u32, kallsyms->num_symtab, *at + ENTRIES_BATCH);
	for (; *at < end; (*at)++) {
		const typeof(*kallsyms->symtab) *symbol = &kallsyms->symtab[*at];

		if (symbol->st_shndx != SHN_UNDEF && symbol->st_value - text < size)
			functions[count++] = symbol->st_value;
	}
	return count;
}

static void entries_modules(struct entries_look *look)
{
	unsigned long functions[ENTRIES_BATCH];
	const struct module *module, *same;
	u32 number = 0, at, before, count, i;

	for (;; number++) {
		at = 0;
		same = NULL;
		do {
			before = at;
			preempt_disable();
			module = entries_module(look, number);
			if (same && module != same)
				module = NULL;
			count = module ? entries_symbols(module, &at, functions) : 0;
			preempt_enable();
			if (!module && !same)
				return;
			same = same ?: module;
			for (i = 0; i < count; i++)
				entries_one(look, functions[i], same);
			cond_resched();
		} while (at != before);
	}
}

static void entries_find(struct entries_look *look, const struct entries_suspect *suspect)
{
	u8 code[ENTRIES_SHOWN];
	char what[128];
	int used;

	if (copy_from_kernel_nofault(code, (void *)suspect->at, sizeof(code)))
		return;
	ks_owner_find(&look->from, suspect->at);
	used = snprintf(what, sizeof(what), "the entry leads to what is not %s",
			suspect->module ? "the kernel's or a module's" : "the kernel's");
	/* They tell how far it is to there. */
	if (look->scan->addresses)
		snprintf(what + used, sizeof(what) - used, ", by the bytes %*ph",
			 (int)sizeof(code), code);
	if (look->from.module[0])
		ks_scan_finding(look->scan, KS_FINDING_CODE, what, suspect->target,
				"%s+0x%lx [%s]", look->from.symbol, look->from.offset,
				look->from.module);
	else
		ks_scan_finding(look->scan, KS_FINDING_CODE, what, suspect->target, "%s+0x%lx",
				look->from.symbol, look->from.offset);
}

static bool entries_still(struct entries_look *look, const struct entries_suspect *suspect)
{
	struct ks_leave leaves[KS_LEAVES];
	u8 code[KS_ENTRY_SIZE];
	unsigned long target;

	if (copy_from_kernel_nofault(code, (void *)suspect->at, sizeof(code)) ||
	    !ks_entry(code, sizeof(code), suspect->at, leaves) || leaves[0].offset)
		return false;
	target = leaves[0].address;
	if (leaves[0].kind == KS_LEAVE_THROUGH)
		target = entries_through(look, target, suspect->module);
	return target == suspect->target &&
	       !entries_may(look, suspect->at, target, suspect->module);
}

/*
 * Looks at the suspects only, again and again: ftrace forgets a trampoline
 * before it has taken the last call of it away, and may be asked for a new one.
 */
static void entries_confirm(struct entries_look *look)
{
	u32 again, left, i;

	for (again = 0; again < ENTRIES_AGAIN && look->suspected; again++) {
		msleep(ENTRIES_PAUSE_MS);
		for (left = 0, i = 0; i < look->suspected; i++) {
			if (entries_still(look, &look->suspects[i]))
				look->suspects[left++] = look->suspects[i];
		}
		look->suspected = left;
	}
	for (i = 0; i < look->suspected; i++)
		entries_find(look, &look->suspects[i]);
}

static void entries_all(struct entries_look *look)
{
	look->scan->checked = 0;
	look->count = 0;
	look->suspected = 0;
	look->unjudged = 0;
	look->crowded = false;
	entries_kernel(look);
	if (look->modules)
		entries_modules(look);
	else
		look->scan->why = "the kernel shows no symbol of its list of modules";
}

void ks_scan_code(struct ks_scan *scan)
{
	struct entries_look *look;
	unsigned int looks = 0;

	if (!KS_ENTRIES) {
		scan->why = "entries of functions are not understood on this architecture";
		return;
	}
	look = kvzalloc(sizeof(*look), GFP_KERNEL);
	if (!look) {
		scan->why = "no memory";
		return;
	}
	look->scan = scan;
	ks_probed_init(&look->probed);
	look->modules = (void *)ks_symbol("modules");
	do {
		if (looks)
			msleep(ENTRIES_PAUSE_MS);
		entries_all(look);
	} while (look->crowded && ++looks < ENTRIES_LOOKS);
	if (look->suspected)
		entries_confirm(look);
	if (look->full || look->crowded)
		scan->why = "there is more to look at than room for it";
	if (look->unjudged) {
		snprintf(scan->said, sizeof(scan->said),
			 "%u that lead out of the kernel's text were not judged", look->unjudged);
		scan->why = scan->said;
	}
	kvfree(look);
}
