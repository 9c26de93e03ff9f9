// SPDX-License-Identifier: GPL-2.0-only
/*
 * context/user.c on the host: what is found in a process's memory, compared
 * with the plain way of looking, while pages are missing or not.
 *
 *	user_test CASE [SEED]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include "../../driver/LKM/context/context.h"
#include "check.h"

#define PAGES	64

static char *memory;		/* below 4 GiB, for 32-bit pointers */
static bool missing[PAGES];

void shim_interrupt(void)
{
}

static bool is_there(unsigned long address, size_t size)
{
	unsigned long begin = (unsigned long)memory;

	if (address < begin || address + size > begin + PAGES * PAGE_SIZE)
		return false;
	for (unsigned long page = (address - begin) / PAGE_SIZE;
	     page <= (address + size - 1 - begin) / PAGE_SIZE; page++)
		if (missing[page])
			return false;
	return true;
}

long copy_from_user_nofault(void *to, const void *from, size_t size)
{
	CHECK(size > 0);
	if (!is_there((unsigned long)from, size))
		return -EFAULT;
	memcpy(to, from, size);
	return 0;
}

/* ------------------------------------------------------------- the record */

static struct ks_record record;

static void begin(u32 used)
{
	free(record.data);
	record = (struct ks_record){ .end = used, .data = malloc(KSONDE_RECORD_MAX) };
	memset(record.data, 0, used);
}

static bool truncated(void)
{
	CHECK(record.end <= KSONDE_RECORD_MAX);
	return ((struct ksonde_header *)record.data)->flags & KSONDE_F_TRUNCATED;
}

/* ------------------------------------------------------------- environment */

static const char * const names[KS_VARIABLES] = {
	"SSH_CONNECTION=", "LD_PRELOAD=", "LD_LIBRARY_PATH=",
};

static void plainly(const char *at, const char *end, unsigned long value[KS_VARIABLES])
{
	memset(value, 0, KS_VARIABLES * sizeof(*value));
	while (at < end) {
		size_t length = strnlen(at, end - at);

		for (int i = 0; i < KS_VARIABLES; i++)
			if (!value[i] && length >= strlen(names[i]) &&
			    !memcmp(at, names[i], strlen(names[i])))
				value[i] = (unsigned long)at + strlen(names[i]);
		at += length + 1;
	}
}

/* A variable, or nearly one, of up to most bytes with its NUL. */
static size_t make_variable(char *to, size_t most)
{
	static const size_t typical[] = { 0, 1, 7, 8, 9, 15, 16, 17, 100, 4070, 4080, 4095, 4096 };
	char text[8192];
	size_t length = typical[rnd() % 13] + rnd() % 20, head = 0;

	memset(text, "LS=x"[rnd() % 4], sizeof(text));
	if (rnd() % 3) {
		const char *name = names[rnd() % KS_VARIABLES];

		head = strlen(name) - (rnd() % 3 ? 0 : rnd() % strlen(name));
		memcpy(text + rnd() % 16 / 15, name, head);
	}
	length = length + head < most ? length + head : most - 1;
	memcpy(to, text, length);
	to[length] = 0;
	return length + 1;
}

static void case_environment(void)
{
	unsigned long found[KS_VARIABLES], wanted[KS_VARIABLES];
	unsigned int hits = 0;

	for (int round = 0; round < 6000; round++) {
		char *from = memory + rnd() % 5000, *to = from;
		size_t count = 1 + rnd() % 20;

		while (count-- && to + 8192 < memory + PAGES * PAGE_SIZE)
			to += make_variable(to, 8192);
		/* The end of the block is what the process says; it may cut. */
		if (rnd() % 8 == 0 && to - from > 30)
			to -= rnd() % 30;
		begin(rnd() % 16 ? 500 : KSONDE_RECORD_MAX - rnd() % 6000);
		u32 used = record.end;
		bool room = KSONDE_RECORD_MAX - used >= 4096 + sizeof(long);

		ks_user_environment(&record, (unsigned long)from, (unsigned long)to, found);
		CHECK(record.end == used);
		CHECK(room == !truncated());
		if (!room)
			continue;
		plainly(from, to, wanted);
		for (int i = 0; i < KS_VARIABLES; i++) {
			CHECK(found[i] == wanted[i]);
			hits += !!found[i];
		}
	}
	CHECK(hits > 1000);
}

/* Pages are missing: what is found is right, and the record says that it may lack something. */
static void case_environment_missing(void)
{
	unsigned long found[KS_VARIABLES], wanted[KS_VARIABLES];

	for (int round = 0; round < 5000; round++) {
		char *from = memory + rnd() % 5000, *to = from;
		size_t count = 1 + rnd() % 20;

		while (count--)
			to += make_variable(to, 8192);
		plainly(from, to, wanted);
		size_t page = rnd() % 12;

		missing[page] = true;
		begin(500);
		ks_user_environment(&record, (unsigned long)from, (unsigned long)to, found);
		CHECK(is_there((unsigned long)from, to - from) ==
		      !truncated());
		for (int i = 0; i < KS_VARIABLES; i++)
			CHECK(!found[i] || found[i] == wanted[i]);
		missing[page] = false;
	}
}

/* ----------------------------------------------------------------- vectors */

static void case_vector(void)
{
	for (int round = 0; round < 1500; round++) {
		bool compat = rnd() % 2;
		unsigned int count = rnd() % 200;
		char *strings = memory + 8192 + rnd() % 100, *array = memory + rnd() % 4000;
		struct ks_vector out;
		struct ksonde_ref ref = { 0 };
		char *wanted = malloc(1 << 20);
		size_t total = 0;
		u64 zero = 0;

		for (unsigned int i = 0; i < count; i++) {
			size_t length = rnd() % 4 ? rnd() % 30 : rnd() % 700;
			u64 pointer = (unsigned long)strings;

			memset(strings, 'a' + i % 26, length);
			strings[length] = 0;
			memcpy(array + i * (compat ? 4 : 8), &pointer, compat ? 4 : 8);
			memcpy(wanted + total, strings, length + 1);
			strings += length + 1;
			total += length + 1;
		}
		memcpy(array + count * (compat ? 4 : 8), &zero, compat ? 4 : 8);
		begin(500);
		bool some = ks_user_vector(&record, &ref, (unsigned long)array, compat, &out);

		CHECK(some && out.whole && out.count == count);
		CHECK(!memcmp(record.data + ref.offset, wanted, ref.length));
		if (total <= KSONDE_VECTOR_MAX) {
			CHECK(ref.length == total);
			CHECK(!truncated());
		} else {
			CHECK(ref.length <= KSONDE_VECTOR_MAX && ref.length > KSONDE_VECTOR_MAX - 701);
			CHECK(truncated());
		}
		free(wanted);
	}
}

static void case_string(void)
{
	for (int round = 0; round < 6000; round++) {
		size_t length = rnd() % 3 ? rnd() % 600 : rnd() % 6000;
		char *text = memory + rnd() % 8192;
		struct ksonde_ref ref = { 0 };
		size_t page = rnd() % 8;

		memset(text, 's', length);
		text[length] = 0;
		missing[page] = rnd() % 3 == 0;
		begin(rnd() % 8 ? 500 : KSONDE_RECORD_MAX - rnd() % 300);
		bool some = ks_user_string(&record, &ref, (unsigned long)text);
		bool whole = is_there((unsigned long)text, length + 1);

		CHECK(ref.length <= KSONDE_STRING_MAX && ref.length <= length);
		CHECK(!ref.length || !memcmp(record.data + ref.offset, text, ref.length));
		if (!truncated())
			CHECK(some && ref.length == length);
		if (whole && length < KSONDE_STRING_MAX && record.end < KSONDE_RECORD_MAX - 300)
			CHECK(some && !truncated());
		missing[page] = false;
		ref.length = 0;
	}
	struct ksonde_ref ref = { 0 };

	begin(100);
	CHECK(!ks_user_string(&record, &ref, 0));
	CHECK(!ks_user_string(&record, &ref, 0xdead0000));
}

/* Random bytes as everything. */
static void case_random(void)
{
	for (int round = 0; round < 3000; round++) {
		unsigned long value[KS_VARIABLES];
		struct ksonde_ref ref = { 0 };
		struct ks_vector out;

		for (int i = 0; i < 4096; i++) {
			u64 word = rnd() % 4 ? (unsigned long)memory + rnd() % (PAGES * PAGE_SIZE) :
					       rnd() % 3 * rnd();

			memcpy(memory + 8 * i, &word, 8);
		}
		for (int i = 0; i < PAGES; i++)
			missing[i] = rnd() % 8 == 0;
		begin(100 + rnd() % (KSONDE_RECORD_MAX - 100));
		unsigned long at = (unsigned long)memory + rnd() % (PAGES * PAGE_SIZE);

		ks_user_vector(&record, &ref, at, rnd() % 2, &out);
		ks_user_environment_array(at, rnd() % 2, value);
		ks_user_string(&record, &ref, at);
		ks_user_block(&record, &ref, at, rnd() % 20000);
		ks_user_environment(&record, at, at + rnd() % 100000, value);
	}
	memset(missing, 0, sizeof(missing));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		{ "environment", case_environment },
		{ "environment_missing", case_environment_missing },
		{ "vector", case_vector }, { "string", case_string },
		{ "random", case_random },
	};

	memory = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	CHECK(memory != MAP_FAILED);
	if (argc > 2)
		random_state = strtoull(argv[2], NULL, 0) * 2654435761U + 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (argc > 1 && !strcmp(argv[1], cases[i].name)) {
			cases[i].run();
			free(record.data);
			return 0;
		}
	}
	fprintf(stderr, "user_test CASE [SEED]\n");
	return 2;
}
