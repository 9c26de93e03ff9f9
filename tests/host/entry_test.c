// SPDX-License-Identifier: GPL-2.0-only
/*
 * integrity/entry_*.c on the host.
 *
 *	entry_test ARCH code		reads lines "ADDRESS BYTES" (hexadecimal), answers each by
 *					a line "KIND:OFFSET:ADDRESS ..."
 *	entry_test ARCH random SEED	bytes that mean nothing, at every length, in their own memory
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../driver/LKM/integrity/entry.h"

void shim_interrupt(void)
{
}

typedef unsigned int (*entry_fn)(const u8 *code, size_t size, u64 address, struct ks_leave *leaves);

static const struct {
	const char *arch;
	entry_fn entry;
} entries[] = {
	{ "x86", ks_entry_x86 },
	{ "arm64", ks_entry_arm64 },
	{ "riscv", ks_entry_riscv },
};

static int code(entry_fn entry)
{
	static const char kinds[] = "JCT";
	char *line = NULL, *at;
	size_t size = 0, length;
	unsigned long long address;
	unsigned int count, i;

	while (getline(&line, &size, stdin) > 0) {
		struct ks_leave leaves[KS_LEAVES];
		unsigned int byte;
		u8 *bytes;

		address = strtoull(line, &at, 16);
		/* Its own memory, so that a byte too many is seen. */
		bytes = malloc(strlen(at) / 2 + 1);
		for (length = 0; sscanf(at += at[0] == ' ', "%2x", &byte) == 1; at += 2)
			bytes[length++] = byte;
		bytes = realloc(bytes, length ?: 1);
		count = entry(bytes, length, address, leaves);
		for (i = 0; i < count; i++)
			printf("%s%c:%x:%llx", i ? " " : "", kinds[leaves[i].kind],
			       leaves[i].offset, (unsigned long long)leaves[i].address);
		putchar('\n');
		free(bytes);
	}
	free(line);
	return 0;
}

static int noise(entry_fn entry, unsigned int seed)
{
	/* What such an entry begins with decides most. */
	static const u8 first[] = { 0xf3, 0xe8, 0xe9, 0xff, 0x48, 0x49, 0x68, 0x66, 0x0f, 0x90,
				    0x1f, 0x58, 0x17, 0x97, 0x6f, 0x01, 0x13 };
	unsigned int round, count, i;

	srandom(seed);
	for (round = 0; round < 300000; round++) {
		struct ks_leave leaves[KS_LEAVES];
		size_t size = random() % 48;
		u8 *bytes = malloc(size ?: 1);

		for (i = 0; i < size; i++)
			bytes[i] = round % 3 && random() % 2 ? first[random() % sizeof(first)] :
							       random();
		count = entry(bytes, size, 0xffffffff81000000ull, leaves);
		if (count > KS_LEAVES)
			return 1;
		for (i = 0; i < count; i++) {
			if (leaves[i].offset >= size || leaves[i].kind > KS_LEAVE_THROUGH)
				return 1;
		}
		free(bytes);
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 2 && i < sizeof(entries) / sizeof(*entries); i++) {
		if (strcmp(argv[1], entries[i].arch))
			continue;
		if (!strcmp(argv[2], "code"))
			return code(entries[i].entry);
		if (argc == 4 && !strcmp(argv[2], "random"))
			return noise(entries[i].entry, atoi(argv[3]));
	}
	return 2;
}
