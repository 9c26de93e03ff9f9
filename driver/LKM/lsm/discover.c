// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who sits in the LSM hooks, found in two ways that know nothing of each
 * other: by the symbol of the kernel's table, and by its code (code.c).  The
 * table is walked where the symbol says; where the code has it elsewhere, that
 * is said, and its callbacks are those that count.
 */
#include <linux/slab.h>
#include <linux/string.h>
#include "../compat/decode.h"
#include "../compat/lsm_hooks.h"
#include "../compat/mm.h"
#include "../core/text.h"
#include "../engine/hook.h"
#include "lsm.h"

#define LSM_NAME_MAX	32
/* Bytes of a function where its call of ftrace ends at the latest, and begins. */
#define LSM_ENTRY	16
#define LSM_CALL_AT	8

struct lsm_scan {
	struct ks_text *text;
	bool addresses;
	unsigned long table;		/* by symbol; 0: there is none */
	struct ks_lsm_code code;
	struct ks_owner owner;
	/* What the two ways say of one hook. */
	u32 seen;			/* places in the code */
	u32 differ;			/* of those, or of callbacks, that say something else */
};

static const char *lsm_truth(bool known, bool is)
{
	return !known ? "null" : is ? "true" : "false";
}

static void lsm_write_name(struct ks_text *text, unsigned long address)
{
	char name[LSM_NAME_MAX];
	size_t i;

	for (i = 0; i < sizeof(name) - 1; i++) {
		if (!address || copy_from_kernel_nofault(name + i, (void *)(address + i), 1) ||
		    !name[i])
			break;
	}
	name[i] = '\0';
	ks_text_string(text, name);
}

static bool lsm_is_list(void)
{
	return !KS_LSM_SLOTS;
}

/* The calls in the code that belong to a slot, and call something else. */
static void lsm_write_calls(struct lsm_scan *scan, int hook, unsigned int slot,
			    unsigned long called)
{
	const struct ks_lsm_ref *ref;
	const char *comma = "";
	bool seen = false;
	u32 i;

	ks_text_add(scan->text, ",\"code_calls\":[");
	for (i = 0; i < scan->code.count; i++) {
		ref = &scan->code.refs[i];
		if (ref->hook != hook || ref->slot != slot)
			continue;
		seen = true;
		if (ref->target == called)
			continue;
		scan->differ++;
		ks_text_add(scan->text, "%s", comma);
		comma = ",";
		ks_owner_write(scan->text, &scan->owner, ref->target, scan->addresses);
	}
	ks_text_add(scan->text, "],\"in_code\":%s", seen ? "true" : "false");
}

/*
 * The functions of the LSM "bpf" do nothing until a program is attached: then
 * their entry calls what BPF has made for it, or jumps there (25e4e3565d45,
 * v6.19).  With a tracer there as well that cannot be seen.
 */
static bool lsm_has_program(struct lsm_scan *scan, unsigned long function)
{
	struct ks_ref found[2];
	struct ks_refs refs = { found, ARRAY_SIZE(found), 0 };
	u8 code[LSM_ENTRY];
	u32 i;

	if (strncmp(scan->owner.symbol, "bpf_lsm_", 8) || !scan->owner.kernel ||
	    copy_from_kernel_nofault(code, (void *)function, sizeof(code)))
		return false;
	ks_decode(code, sizeof(code), function, &refs);
	for (i = 0; i < min_t(u32, refs.count, ARRAY_SIZE(found)); i++) {
		if ((found[i].kind != KS_REF_CALL && found[i].kind != KS_REF_JUMP) ||
		    found[i].offset > LSM_CALL_AT)
			continue;
		ks_owner_find(&scan->owner, found[i].address);
		if (!strncmp(scan->owner.symbol, "bpf_trampoline_", 15))
			return true;
	}
	return false;
}

static void lsm_write_callback(struct lsm_scan *scan, int hook,
			       const struct ks_lsm_callback *callback)
{
	ks_text_add(scan->text, "\n  {\"slot\":%u,\"lsm\":", callback->slot);
	lsm_write_name(scan->text, callback->lsm);
	ks_text_add(scan->text, ",\"function\":");
	ks_owner_write(scan->text, &scan->owner, callback->function, scan->addresses);
	if (lsm_has_program(scan, callback->function))
		ks_text_add(scan->text, ",\"program\":true");
	if (callback->called != callback->function) {
		scan->differ++;
		ks_text_add(scan->text, ",\"called\":");
		ks_owner_write(scan->text, &scan->owner, callback->called, scan->addresses);
	}
	if (!lsm_is_list())
		lsm_write_calls(scan, hook, callback->slot, callback->called);
	ks_text_add(scan->text, "}");
}

/* Returns whether the walk came to its end. */
static bool lsm_write_callbacks(struct lsm_scan *scan, int hook)
{
	unsigned long table = scan->code.table ?: scan->table;
	u64 slots = 0;
	struct ks_lsm_callback callback;
	struct ks_lsm_walk walk = { };
	const char *comma = "";
	u32 i;

	ks_text_add(scan->text, ",\"callbacks\":[");
	if (table && ks_lsm_first(&walk, table + ks_lsm_names[hook].offset)) {
		while (ks_lsm_next(&walk, &callback)) {
			ks_text_add(scan->text, "%s", comma);
			lsm_write_callback(scan, hook, &callback);
			slots |= BIT_ULL(callback.slot % 64);
			comma = ",";
		}
	}
	for (i = 0; i < scan->code.count && !lsm_is_list(); i++) {
		/* What is called from a slot that the table has as empty. */
		callback = (struct ks_lsm_callback){ .slot = scan->code.refs[i].slot };
		if (scan->code.refs[i].hook != hook || !scan->code.refs[i].target ||
		    slots & BIT_ULL(callback.slot % 64))
			continue;
		callback.called = scan->code.refs[i].target;
		/* Without a table the code is all there is. */
		if (!table)
			callback.function = callback.called;
		ks_text_add(scan->text, "%s", comma);
		lsm_write_callback(scan, hook, &callback);
		slots |= BIT_ULL(callback.slot % 64);
		comma = ",";
	}
	ks_text_add(scan->text, "]");
	return !walk.broken;
}

/* The functions whose code has the hook, each once. */
static void lsm_write_functions(struct lsm_scan *scan, int hook)
{
	const struct ks_lsm_ref *ref;
	unsigned long last = 0;
	const char *comma = "";
	u32 i;

	scan->seen = 0;
	ks_text_add(scan->text, ",\"functions\":[");
	for (i = 0; i < scan->code.count; i++) {
		ref = &scan->code.refs[i];
		if (ref->hook != hook)
			continue;
		scan->seen++;
		ks_owner_find(&scan->owner, ref->from);
		if (ref->from - scan->owner.offset == last)
			continue;
		last = ref->from - scan->owner.offset;
		ks_text_add(scan->text, "%s", comma);
		ks_text_string(scan->text, scan->owner.symbol);
		comma = ",";
	}
	ks_text_add(scan->text, "]");
}

static void lsm_write_hook(struct lsm_scan *scan, int hook)
{
	bool known, whole;

	ks_text_add(scan->text, "%s\n {\"hook\":\"%s\"", hook ? "," : "", ks_lsm_names[hook].name);
	scan->differ = 0;
	lsm_write_functions(scan, hook);
	whole = lsm_write_callbacks(scan, hook);
	if (scan->code.table && scan->table && scan->code.table != scan->table)
		scan->differ++;
	known = scan->differ || (scan->table && scan->seen);
	ks_text_add(scan->text, ",\"whole\":%s,\"agree\":%s}", whole ? "true" : "false",
		    lsm_truth(known, !scan->differ));
}

static void lsm_write_ways(struct lsm_scan *scan)
{
	struct ks_text *text = scan->text;

	ks_text_add(text, "\"by_symbol\":{\"found\":%s,\"table\":\"%s\",\"why\":\"%s\"",
		    scan->table ? "true" : "false", KS_LSM_TABLE,
		    scan->table ? "" :
		    ks_lsm_hooks() ? "the table has no symbol in this kernel" :
		    "the names of this kernel's hooks are not known");
	if (scan->addresses && scan->table)
		ks_text_add(text, ",\"address\":\"0x%lx\"", scan->table);
	ks_text_add(text, "},\n\"by_code\":{\"found\":%s,\"read\":%u,\"partly\":%u,\"why\":",
		    scan->code.why ? "false" : "true", scan->code.functions, scan->code.partly);
	ks_text_string(text, scan->code.why ?: "");
	if (scan->addresses && scan->code.table)
		ks_text_add(text, ",\"address\":\"0x%lx\"", scan->code.table);
	ks_text_add(text, "},\n");
}

int ks_lsm_write(struct ks_text *text, bool addresses)
{
	struct lsm_scan *scan = kvzalloc(sizeof(*scan), GFP_KERNEL);
	unsigned int hook;

	if (!scan)
		return -ENOMEM;
	scan->text = text;
	scan->addresses = addresses;
	if (ks_lsm_hooks())
		scan->table = ks_symbol(KS_LSM_TABLE);
	ks_lsm_code_read(&scan->code);
	ks_text_add(text, "\"kind\":\"%s\",\n", KS_LSM_KIND);
	lsm_write_ways(scan);
	ks_text_add(text, "\"hooks\":[");
	for (hook = 0; hook < ks_lsm_hooks(); hook++)
		lsm_write_hook(scan, hook);
	ks_text_add(text, "]");
	ks_lsm_code_free(&scan->code);
	kvfree(scan);
	return 0;
}
