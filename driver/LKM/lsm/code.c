// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the kernel keeps its LSM hooks, as its own code has it.
 *
 * Lists: each security_NAME() loads the head of its hook's list.  All heads are
 * in one table; where a function NAME refers to address A, the table may begin
 * at A less the offset of NAME in it, and most functions agree on one begin only
 * if that is it.  No symbol of the table is asked for.
 *
 * Static calls: the kernel has a list of all places that it patches, each with
 * its key, and the key's symbol names hook and slot.  What is called is read
 * off the instruction that is there now.  Where calls are not patched (arm64,
 * riscv64) each security_NAME() loads what to call from the key itself.
 */
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "../compat/decode.h"
#include "../compat/ibt.h"
#include "../compat/kallsyms.h"
#include "../compat/lsm_hooks.h"
#include "../compat/mm.h"
#include "../compat/static_call.h"
#include "../engine/hook.h"
#include "lsm.h"

#define CODE_FUNCTIONS_MAX	1024
#define CODE_FUNCTION_SIZE	8192
#define CODE_FUNCTION_REFS	128
#define CODE_REFS_MAX		16384
/* Fewer functions that agree on the begin of the table prove nothing. */
#define CODE_VOTES_MIN		16
/* The longest instruction that a static call is patched to. */
#define CODE_SITE_SIZE		6
#define CODE_KEY		"__SCK__lsm_static_call_"

struct code_functions {
	unsigned long *address;
	u32 count;
};

/* What one function is decoded into. */
struct code_work {
	u8 code[CODE_FUNCTION_SIZE];
	struct ks_ref refs[CODE_FUNCTION_REFS];
	unsigned long votes[CODE_REFS_MAX];
};

int ks_lsm_hook(const char *name, size_t length)
{
	unsigned int i;

	for (i = 0; i < ks_lsm_hooks(); i++) {
		if (!strncmp(ks_lsm_names[i].name, name, length) &&
		    !ks_lsm_names[i].name[length])
			return i;
	}
	return -1;
}

static KS_EACH_SYMBOL(code_collect)
{
	struct code_functions *functions = data;

	if (strncmp(name, "security_", 9) || !ks_owner_is_kernel(address))
		return 0;
	if (functions->count >= CODE_FUNCTIONS_MAX)
		return 1;
	functions->address[functions->count++] = address;
	return 0;
}

static void code_add(struct ks_lsm_code *code, const struct ks_lsm_ref *ref)
{
	if (code->count < code->room)
		code->refs[code->count++] = *ref;
	else
		code->why = "there is more code than room for what it says";
}

static void code_function(struct ks_lsm_code *code, struct code_work *work, unsigned long address)
{
	struct ks_refs refs = { work->refs, CODE_FUNCTION_REFS, 0 };
	struct ks_lsm_ref ref = { .from = address };
	size_t size;
	u32 i;

	ks_owner_find(&code->owner, address);
	size = min_t(size_t, code->owner.size, CODE_FUNCTION_SIZE);
	if (code->owner.offset || !size ||
	    copy_from_kernel_nofault(work->code, (void *)address, size)) {
		code->partly++;
		return;
	}
	code->functions++;
	/* The hook that it would be for by its name; only to find the table. */
	ref.hook = ks_lsm_hook(code->owner.symbol + strlen("security_"),
			       strlen(code->owner.symbol) - strlen("security_"));
	if (ks_decode(work->code, size, address, &refs) < code->owner.size ||
	    refs.count > refs.room)
		code->partly++;
	for (i = 0; i < min(refs.count, refs.room); i++) {
		if (work->refs[i].kind != KS_REF_DATA)
			continue;
		ref.place = work->refs[i].address;
		code_add(code, &ref);
	}
}

static int code_compare(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

/* The begin that most functions agree on. */
static unsigned long code_vote(struct ks_lsm_code *code, unsigned long *votes)
{
	unsigned long best = 0;
	u32 count = 0, most = 0, run = 0, i;

	for (i = 0; i < code->count; i++) {
		if (code->refs[i].hook >= 0)
			votes[count++] = code->refs[i].place -
					 ks_lsm_names[code->refs[i].hook].offset;
	}
	sort(votes, count, sizeof(*votes), code_compare, NULL);
	for (i = 0; i < count; i++) {
		run = i && votes[i] == votes[i - 1] ? run + 1 : 1;
		if (run > most) {
			most = run;
			best = votes[i];
		}
	}
	return most >= CODE_VOTES_MIN ? best : 0;
}

/* What all functions security_* refer to. */
static void code_read_all(struct ks_lsm_code *code, struct code_work *work)
{
	unsigned long each = ks_callable(ks_symbol("kallsyms_on_each_symbol"));
	struct code_functions functions = { };
	u32 i;

	if (!each) {
		code->why = "the kernel does not list its symbols";
		return;
	}
	functions.address = kvmalloc_array(CODE_FUNCTIONS_MAX, sizeof(unsigned long), GFP_KERNEL);
	if (!functions.address) {
		code->why = "no memory";
		return;
	}
	if (ks_each_symbol(each, code_collect, &functions) < 0)
		code->why = "the kernel does not let its symbols be listed";
	for (i = 0; i < functions.count; i++)
		code_function(code, work, functions.address[i]);
	kvfree(functions.address);
}

static void code_lists(struct ks_lsm_code *code, struct code_work *work)
{
	u32 i, hook;

	code_read_all(code, work);
	code->table = code_vote(code, work->votes);
	if (!code->table) {
		code->why = code->why ?: "the functions do not agree on where the lists are";
		return;
	}
	for (i = 0; i < code->count; i++) {
		code->refs[i].hook = -1;
		for (hook = 0; hook < ks_lsm_hooks(); hook++) {
			if (code->refs[i].place == code->table + ks_lsm_names[hook].offset)
				code->refs[i].hook = hook;
		}
	}
}

/* The function that the instruction at a static call calls; false: it is not to be understood. */
static bool code_site(struct ks_lsm_code *code, unsigned long at, unsigned long *target)
{
	u8 bytes[CODE_SITE_SIZE];
	struct ks_ref found[CODE_SITE_SIZE];
	struct ks_refs refs = { found, ARRAY_SIZE(found), 0 };

	*target = 0;
	if (copy_from_kernel_nofault(bytes, (void *)at, sizeof(bytes)) ||
	    !ks_decode(bytes, sizeof(bytes), at, &refs))
		return false;
	/* What follows a shorter instruction is not of interest. */
	if (!refs.count || found[0].offset || found[0].kind == KS_REF_DATA)
		return true;
	ks_owner_find(&code->owner, found[0].address);
	/* A last call that calls nothing: a return. */
	if (!code->owner.kernel || !strstr(code->owner.symbol, "return_thunk"))
		*target = found[0].address;
	return true;
}

/* Hook and slot of a key, by its symbol; false: it is another key, or none. */
static bool code_key(struct ks_lsm_code *code, unsigned long key, struct ks_lsm_ref *ref)
{
	const char *name, *slot;

	ref->hook = -1;
	ks_owner_find(&code->owner, key);
	if (code->owner.offset || strncmp(code->owner.symbol, CODE_KEY, strlen(CODE_KEY)))
		return false;
	name = code->owner.symbol + strlen(CODE_KEY);
	slot = strrchr(name, '_');
	if (!slot || kstrtouint(slot + 1, 10, &ref->slot))
		return false;
	ref->place = key;
	ref->hook = ks_lsm_hook(name, slot - name);
	return ref->hook >= 0;
}

static void code_keys(struct ks_lsm_code *code, struct code_work *work)
{
	struct ks_lsm_ref ref;
	u32 i, kept = 0;

	code_read_all(code, work);
	for (i = 0; i < code->count; i++) {
		ref = code->refs[i];
		/* What it calls is what a key has first. */
		if (code_key(code, ref.place, &ref) &&
		    !copy_from_kernel_nofault(&ref.target, (void *)ref.place,
					      sizeof(ref.target)))
			code->refs[kept++] = ref;
	}
	code->count = kept;
	if (!kept)
		code->why = code->why ?: "no function refers to a static call that has a symbol";
}

static void code_calls(struct ks_lsm_code *code)
{
	unsigned long at = ks_symbol("__start_static_call_sites");
	unsigned long end = ks_symbol("__stop_static_call_sites");
	unsigned long key, last = 0;
	struct ks_lsm_ref ref = { .hook = -1 };

	if (!at || !end) {
		code->why = "the kernel has no list of its static calls";
		return;
	}
	for (; at < end; at += KS_STATIC_CALL_SITE) {
		if (!ks_static_call_site(at, &ref.from, &key))
			break;
		/* Functions of the start are gone. */
		if (!ks_owner_is_kernel(ref.from))
			continue;
		if (key != last) {
			last = key;
			code_key(code, key, &ref);
		}
		if (ref.hook < 0)
			continue;
		code->functions++;
		if (code_site(code, ref.from, &ref.target))
			code_add(code, &ref);
		else
			code->partly++;
	}
	if (!code->functions)
		code->why = "no static call has the name of an LSM hook";
}

void ks_lsm_code_read(struct ks_lsm_code *code)
{
	struct code_work *work;

	if (!ks_lsm_hooks()) {
		code->why = "the names of this kernel's hooks are not known";
		return;
	}
	if (!KS_DECODES) {
		code->why = "decode: not built for this architecture";
		return;
	}
	work = kvmalloc(sizeof(*work), GFP_KERNEL);
	code->refs = kvmalloc_array(CODE_REFS_MAX, sizeof(*code->refs), GFP_KERNEL);
	code->room = CODE_REFS_MAX;
	if (!work || !code->refs)
		code->why = "no memory";
	else if (KS_LSM_SLOTS && KS_STATIC_CALL_SITE)
		code_calls(code);
	else if (KS_LSM_SLOTS)
		code_keys(code, work);
	else
		code_lists(code, work);
	kvfree(work);
}

void ks_lsm_code_free(struct ks_lsm_code *code)
{
	kvfree(code->refs);
}
