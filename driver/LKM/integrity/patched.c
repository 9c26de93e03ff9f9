// SPDX-License-Identifier: GPL-2.0-only
/*
 * The places in the kernel's text that the kernel patches itself, from its own
 * tables: function tracer, jump labels, static calls, and a few that have names.
 * They are collected as bits of a map, which orders them, and kept as a list.
 */
#include <linux/bitmap.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "../compat/ftrace.h"
#include "../compat/ibt.h"
#include "../compat/jump_label.h"
#include "../compat/mm.h"
#include "../compat/static_call.h"
#include "code.h"
#include "patched.h"

/* A place: its offset, and in the low bits how long it is.  128 MiB of text have room. */
#define PLACE_BITS	5
#define PLACE_LONGEST	(BIT(PLACE_BITS) - 1)
#define PLACE_TEXT_MAX	BIT(32 - PLACE_BITS)
/* Of the text, in which the tracer's places are asked for with preemption off. */
#define PATCHED_WINDOW	512
#define PATCHED_CHUNK	8192

struct patched_look {
	struct ks_patched *patched;
	unsigned long *map;		/* a bit for each byte of the text */
	unsigned long (*location)(unsigned long begin, unsigned long last);
};

static const struct {
	const char *name;
	u32 bytes;
} patched_named[] = {
	/* The calls within what the tracer's places call. */
	{ "ftrace_call", 8 },
	{ "ftrace_regs_call", 8 },
	{ "ftrace_graph_call", 8 },
	{ "ftrace_graph_regs_call", 8 },
	{ "bpf_dispatcher_xdp_func", 16 },
	/* A hypervisor's own. */
	{ "hypercall_page", 4096 },
};

static void patched_mark(struct patched_look *look, unsigned long at, u32 bytes)
{
	unsigned long offset = at - look->patched->begin;

	if (offset < look->patched->size)
		bitmap_set(look->map, offset, min(bytes, look->patched->size - (u32)offset));
}

/* From begin to last, which counts.  Preemption is off. */
static void patched_traced_in(struct patched_look *look, unsigned long begin, unsigned long last)
{
	unsigned long at, before;

	while (begin <= last) {
		/* It tells any of those that lie there; the first is wanted. */
		at = look->location(begin, last);
		while (at > begin) {
			before = look->location(begin, at - 1);
			if (!before)
				break;
			at = before;
		}
		if (!at)
			return;
		patched_mark(look, at - KS_FTRACE_BEFORE, KS_FTRACE_BEFORE + KS_FTRACE_BYTES);
		begin = at + KS_FTRACE_APART;
	}
}

static void patched_traced(struct patched_look *look, const bool *stop)
{
	/* What the tracer knows of a module may go away meanwhile. */
	struct mutex *lock = (void *)ks_code_symbol("ftrace_lock");
	unsigned long begin = look->patched->begin;
	u32 chunk, at;
	bool looked;

	for (chunk = 0; chunk < look->patched->size && !READ_ONCE(*stop); chunk += PATCHED_CHUNK) {
		if (lock)
			mutex_lock(lock);
		for (at = chunk; at < chunk + PATCHED_CHUNK; at += PATCHED_WINDOW) {
			looked = ks_ibt_off();
			patched_traced_in(look, begin + at, begin + at + PATCHED_WINDOW - 1);
			ks_ibt_on(looked);
		}
		if (lock)
			mutex_unlock(lock);
		cond_resched();
	}
}

static void patched_tables(struct patched_look *look)
{
	struct ks_patched *patched = look->patched;
	unsigned long entry, target;
	u32 offset, bytes;
	u8 code[2];

	for (entry = patched->jumps; entry < patched->jumps_end; entry += KS_JUMP_ENTRY) {
		if (!ks_patched_jump(patched, entry, &offset, &target) ||
		    copy_from_kernel_nofault(code, (void *)(patched->begin + offset), 2))
			continue;
		patched_mark(look, patched->begin + offset, ks_jump_size(code));
	}
	for (entry = patched->calls; entry < patched->calls_end; entry += KS_STATIC_CALL_SITE) {
		if (!ks_patched_call(patched, entry, &offset) ||
		    copy_from_kernel_nofault(code, (void *)(patched->begin + offset), 2))
			continue;
		/* A conditional jump has one more byte. */
		bytes = code[0] == 0x0f && (code[1] & 0xf0) == 0x80 ? 6 : 5;
		patched_mark(look, patched->begin + offset, bytes);
	}
}

static void patched_names(struct patched_look *look)
{
	unsigned long begin = ks_code_symbol("__static_call_text_start");
	unsigned long end = ks_code_symbol("__static_call_text_end");
	unsigned int i;

	/* What static calls by address jump to, and jump on from. */
	if (begin && end > begin)
		patched_mark(look, begin, end - begin);
	for (i = 0; i < ARRAY_SIZE(patched_named); i++)
		patched_mark(look, ks_code_symbol(patched_named[i].name), patched_named[i].bytes);
}

/* The places by the map; places is NULL to count them only. */
static u32 patched_list(const struct patched_look *look, u32 *places)
{
	unsigned long size = look->patched->size, at = 0, end;
	u32 count = 0;

	while ((at = find_next_bit(look->map, size, at)) < size) {
		end = find_next_zero_bit(look->map, min(size, at + PLACE_LONGEST), at);
		if (places)
			places[count] = at << PLACE_BITS | (end - at);
		if (!(++count & 0xfff))
			cond_resched();
		at = end;
	}
	return count;
}

/* Both ends of a table, or neither. */
static bool patched_table(const char *begin_name, const char *end_name, unsigned long *begin,
			  unsigned long *end)
{
	*begin = ks_code_symbol(begin_name);
	*end = ks_code_symbol(end_name);
	if (*begin && *end)
		return true;
	*begin = 0;
	*end = 0;
	return false;
}

static const char *patched_look_up(struct patched_look *look)
{
	struct ks_patched *patched = look->patched;

	patched->begin = ks_code_symbol("_stext");
	if (!patched->begin || ks_code_symbol("_etext") <= patched->begin)
		return "the kernel does not show where its text is";
	if (ks_code_symbol("_etext") - patched->begin >= PLACE_TEXT_MAX)
		return "the kernel's text is larger than there is room for";
	patched->size = ks_code_symbol("_etext") - patched->begin;
	look->location = (void *)ks_code_symbol("ftrace_location_range");
	if (KS_FTRACE_BYTES && !look->location)
		return "the kernel does not show where the function tracer's places are";
	if (KS_JUMP_ENTRY && !patched_table("__start___jump_table", "__stop___jump_table",
					    &patched->jumps, &patched->jumps_end)) {
		patched->is_jump = (void *)ks_code_symbol("jump_label_text_reserved");
		if (!patched->is_jump)
			return "the kernel does not show where its jump labels are";
	}
	if (KS_STATIC_CALL_SITE &&
	    !patched_table("__start_static_call_sites", "__stop_static_call_sites",
			   &patched->calls, &patched->calls_end)) {
		patched->is_call = (void *)ks_code_symbol("static_call_text_reserved");
		if (!patched->is_call)
			return "the kernel does not show where its static calls are";
	}
	return NULL;
}

bool ks_patched_find(struct ks_patched *patched, const bool *stop, const char **why)
{
	struct patched_look look = { .patched = patched };

	*why = patched_look_up(&look);
	if (*why)
		return false;
	*why = "no memory";
	look.map = kvcalloc(BITS_TO_LONGS(patched->size), sizeof(*look.map), GFP_KERNEL);
	if (!look.map)
		return false;
	if (look.location)
		patched_traced(&look, stop);
	patched_tables(&look);
	patched_names(&look);
	patched->count = patched_list(&look, NULL);
	patched->places = kvcalloc(patched->count, sizeof(*patched->places), GFP_KERNEL);
	if (patched->places)
		patched_list(&look, patched->places);
	kvfree(look.map);
	return patched->places;
}

void ks_patched_free(struct ks_patched *patched)
{
	kvfree(patched->places);
}

/* The first place that ends behind offset. */
static u32 patched_first(const struct ks_patched *patched, u32 offset)
{
	u32 low = 0, high = patched->count, middle, place;

	while (low < high) {
		middle = low + (high - low) / 2;
		place = patched->places[middle];
		if ((place >> PLACE_BITS) + (place & PLACE_LONGEST) <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void ks_patched_mask(const struct ks_patched *patched, u8 *code, u32 offset, u32 size)
{
	u32 i, begin, end;

	for (i = patched_first(patched, offset); i < patched->count; i++) {
		begin = patched->places[i] >> PLACE_BITS;
		end = begin + (patched->places[i] & PLACE_LONGEST);
		if (begin >= offset + size)
			break;
		begin = max(begin, offset) - offset;
		end = min(end, offset + size) - offset;
		memset(code + begin, 0, end - begin);
	}
}

static bool patched_asked(int (*is)(const void *begin, const void *end), unsigned long begin,
			  u32 size)
{
	bool looked, answer;

	if (!is)
		return false;
	looked = ks_ibt_off();
	answer = is((void *)begin, (void *)(begin + size - 1));
	ks_ibt_on(looked);
	return answer;
}

bool ks_patched_maybe(const struct ks_patched *patched, u32 offset, u32 size)
{
	return patched_asked(patched->is_jump, patched->begin + offset, size) ||
	       patched_asked(patched->is_call, patched->begin + offset, size);
}

bool ks_patched_jump(const struct ks_patched *patched, unsigned long entry, u32 *offset,
		     unsigned long *target)
{
	unsigned long code;

	if (!ks_jump_entry(entry, &code, target) || code - patched->begin >= patched->size)
		return false;
	*offset = code - patched->begin;
	return true;
}

bool ks_patched_call(const struct ks_patched *patched, unsigned long entry, u32 *offset)
{
	unsigned long code, key;

	if (!ks_static_call_site(entry, &code, &key) || code - patched->begin >= patched->size)
		return false;
	*offset = code - patched->begin;
	return true;
}
