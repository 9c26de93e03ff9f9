// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of the current process, read without ever waiting for a page.
 */
#include <linux/mm.h>
#include <linux/string.h>
#include <asm/word-at-a-time.h>
#include "../compat/uaccess.h"
#include "../compat/unaligned.h"
#include "context.h"

#define KS_CHUNK	4096
#define KS_POINTERS	64	/* read at once */
#define KS_COUNT_MAX	131072	/* pointers that are looked at */
#define KS_MISSES_MAX	256	/* strings that are not there: each costs a fault */
#define KS_NAME_MAX	16	/* the longest of variables[] */

static const struct {
	const char *name;
	size_t length;
} variables[KS_VARIABLES] = {
	[KS_SSH_CONNECTION] = { "SSH_CONNECTION=", 15 },
	[KS_LD_PRELOAD] = { "LD_PRELOAD=", 11 },
	[KS_LD_LIBRARY_PATH] = { "LD_LIBRARY_PATH=", 16 },
};

size_t ks_user_copy(void *to, unsigned long from, size_t length)
{
	size_t done = 0, step;

	while (done < length) {
		step = min_t(size_t, length - done, PAGE_SIZE - offset_in_page(from + done));
		if (copy_from_user_nofault(to + done, (void __user *)(from + done), step))
			break;
		done += step;
	}
	return done;
}

/* Up to size bytes of the string at address; *ends: its NUL was found. */
static size_t user_string(char *to, unsigned long address, size_t size, bool *ends)
{
	size_t done = 0, step, length;

	*ends = false;
	while (done < size) {
		step = min_t(size_t, size - done, 256 - ((address + done) & 255));
		if (copy_from_user_nofault(to + done, (void __user *)(address + done), step))
			break;
		length = strnlen(to + done, step);
		done += length;
		if (length < step) {
			*ends = true;
			break;
		}
	}
	return done;
}

bool ks_user_string(struct ks_record *record, struct ksonde_ref *ref, unsigned long address)
{
	size_t size = KSONDE_STRING_MAX, used;
	char *room = ks_record_room(record, &size);
	bool ends = false;

	if (!address)
		return false;
	used = room ? user_string(room, address, size, &ends) : 0;
	if (!ends)
		ks_record_flag(record, KSONDE_F_TRUNCATED);
	if (used)
		ks_record_keep(record, ref, room, used);
	return used || ends;
}

void ks_user_block(struct ks_record *record, struct ksonde_ref *ref,
		   unsigned long address, size_t length)
{
	size_t size = min_t(size_t, length, KSONDE_VECTOR_MAX), used;
	void *room = ks_record_room(record, &size);

	used = room ? ks_user_copy(room, address, size) : 0;
	if (used < length)
		ks_record_flag(record, KSONDE_F_TRUNCATED);
	if (used)
		ks_record_keep(record, ref, room, used);
}

/* Up to KS_POINTERS of them; fewer than that: NULL or a missing page follows. */
static size_t user_pointers(unsigned long pointers[KS_POINTERS], unsigned long address,
			    size_t from, bool compat, bool *ends)
{
	size_t width = compat ? sizeof(u32) : sizeof(unsigned long);
	union {
		u32 narrow[KS_POINTERS];
		unsigned long wide[KS_POINTERS];
	} raw;
	size_t i, count;

	count = ks_user_copy(&raw, address + from * width, KS_POINTERS * width) / width;
	*ends = false;
	for (i = 0; i < count; i++) {
		pointers[i] = compat ? raw.narrow[i] : raw.wide[i];
		if (!pointers[i]) {
			*ends = true;
			break;
		}
	}
	return i;
}

/* One more string for the vector; false: no room, or a page is missing. */
static bool vector_add(char *room, size_t size, unsigned long address, struct ks_vector *out)
{
	bool ends;

	out->bytes += user_string(room + out->bytes, address, size - out->bytes, &ends);
	if (!ends || out->bytes == size)
		return false;
	room[out->bytes++] = '\0';
	return true;
}

bool ks_user_vector(struct ks_record *record, struct ksonde_ref *ref,
		    unsigned long address, bool compat, struct ks_vector *out)
{
	size_t size = KSONDE_VECTOR_MAX, i, count;
	char *room = ks_record_room(record, &size);
	unsigned long pointers[KS_POINTERS];
	bool fits = true, ends;

	memset(out, 0, sizeof(*out));
	if (!address || !room)
		return false;
	do {
		count = user_pointers(pointers, address, out->count, compat, &ends);
		for (i = 0; i < count && fits; i++)
			fits = vector_add(room, size, pointers[i], out);
		out->count += count;
	} while (count == KS_POINTERS && out->count < KS_COUNT_MAX);
	out->whole = ends;
	if (!ends || !fits)
		ks_record_flag(record, KSONDE_F_TRUNCATED);
	if (out->bytes)
		ks_record_keep(record, ref, room, out->bytes);
	if (!fits)
		out->bytes = 0;
	return out->count || ends;
}

/* Whether one of variables[] begins here: notes where its value is. */
static void match(const char *text, size_t length, unsigned long address,
		  unsigned long value[KS_VARIABLES])
{
	int i;

	if (*text != 'L' && *text != 'S')
		return;
	for (i = 0; i < KS_VARIABLES; i++) {
		if (!value[i] && length >= variables[i].length &&
		    !memcmp(text, variables[i].name, variables[i].length))
			value[i] = address + variables[i].length;
	}
}

/* The next NUL; length when there is none.  May look 7 bytes past the end. */
static size_t next_nul(const char *text, size_t from, size_t length)
{
	const struct word_at_a_time constants = WORD_AT_A_TIME_CONSTANTS;
	unsigned long word, bits;

	for (; from < length; from += sizeof(word)) {
		word = get_unaligned((const unsigned long *)(text + from));
		if (has_zero(word, &bits, &constants)) {
			bits = prep_zero_mask(word, bits, &constants);
			return from + find_zero(create_zero_mask(bits));
		}
	}
	return length;
}

/*
 * Looks at a chunk that begins where a variable does, or within one.  Gives
 * the bytes done with; *begins: whether a variable begins there.
 */
static size_t scan(const char *text, size_t length, unsigned long address, bool last,
		   bool *begins, unsigned long value[KS_VARIABLES])
{
	size_t at = 0, nul;

	for (;;) {
		if (*begins) {
			/* A name that the chunk cuts begins the next one. */
			if (!last && at && length - at < KS_NAME_MAX)
				return at;
			if (at < length)
				match(text + at, length - at, address + at, value);
		}
		nul = next_nul(text, at, length);
		*begins = nul < length;
		if (!*begins)
			return length;
		at = nul + 1;
	}
}

void ks_user_environment(struct ks_record *record, unsigned long begin,
			 unsigned long end, unsigned long value[KS_VARIABLES])
{
	size_t size = KS_CHUNK + sizeof(long), length;
	char *room = ks_record_room(record, &size);
	bool begins = true, last;

	memset(value, 0, KS_VARIABLES * sizeof(*value));
	if (!room || size < KS_CHUNK + sizeof(long)) {
		ks_record_flag(record, KSONDE_F_TRUNCATED);
		return;
	}
	while (begin < end) {
		length = min_t(size_t, end - begin, KS_CHUNK - offset_in_page(begin) % KS_CHUNK);
		if (length < KS_NAME_MAX)
			length = min_t(size_t, end - begin, KS_CHUNK);
		last = length == end - begin;
		if (ks_user_copy(room, begin, length) < length) {
			ks_record_flag(record, KSONDE_F_TRUNCATED);
			return;
		}
		memset(room + length, 0xff, sizeof(long));
		begin += scan(room, length, begin, last, &begins, value);
	}
}

bool ks_user_environment_array(unsigned long address, bool compat,
			       unsigned long value[KS_VARIABLES])
{
	unsigned long pointers[KS_POINTERS];
	size_t i, count, length, from = 0;
	unsigned int misses = 0;
	char text[KS_NAME_MAX];
	bool ends;

	memset(value, 0, KS_VARIABLES * sizeof(*value));
	if (!address)
		return true;
	do {
		count = user_pointers(pointers, address, from, compat, &ends);
		for (i = 0; i < count && misses < KS_MISSES_MAX; i++) {
			length = ks_user_copy(text, pointers[i], sizeof(text));
			if (length)
				match(text, length, pointers[i], value);
			else
				misses++;
		}
		from += count;
	} while (count == KS_POINTERS && from < KS_COUNT_MAX && misses < KS_MISSES_MAX);
	return ends && !misses;
}
