// SPDX-License-Identifier: GPL-2.0-only
/*
 * lsm/decode_*.c on the host.
 *
 *	decode_test ARCH code		reads lines "ADDRESS BYTES" (hexadecimal), answers each by
 *					a line "UNDERSTOOD KIND:OFFSET:ADDRESS ..."
 *	decode_test ARCH random SEED	bytes that mean nothing, at every length, in their own memory
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../driver/LKM/lsm/decode.h"

#define ROOM	4096

void shim_interrupt(void)
{
}

static const struct {
	const char *arch;
	ks_decode_fn decode;
} decoders[] = {
	{ "x86", ks_decode_x86 },
	{ "arm64", ks_decode_arm64 },
	{ "riscv", ks_decode_riscv },
};

static int code(ks_decode_fn decode)
{
	static const char kinds[] = "DCJ";
	static struct ks_ref room[ROOM];
	char *line = NULL, *at;
	size_t size = 0, count, i;
	unsigned long long address;

	while (getline(&line, &size, stdin) > 0) {
		struct ks_refs refs = { room, ROOM, 0 };
		unsigned int byte;
		u8 *bytes;
		size_t got;

		address = strtoull(line, &at, 16);
		/* Its own memory, so that a byte too many is seen. */
		bytes = malloc(strlen(at) / 2 + 1);
		for (count = 0; sscanf(at += at[0] == ' ', "%2x", &byte) == 1; at += 2)
			bytes[count++] = byte;
		bytes = realloc(bytes, count ?: 1);
		got = decode(bytes, count, address, &refs);
		printf("%zu", got);
		if (refs.count > ROOM)
			return 1;
		for (i = 0; i < refs.count; i++)
			printf(" %c:%x:%llx", kinds[room[i].kind], room[i].offset,
			       (unsigned long long)room[i].address);
		putchar('\n');
		free(bytes);
	}
	free(line);
	return 0;
}

static int noise(ks_decode_fn decode, unsigned int seed)
{
	struct ks_ref room[4];
	unsigned int round, i;

	srandom(seed);
	for (round = 0; round < 200000; round++) {
		struct ks_refs refs = { room, round % 5, 0 };
		size_t size = random() % 64, got;
		u8 *bytes = malloc(size ?: 1);

		for (i = 0; i < size; i++)
			bytes[i] = random();
		/* What comes first decides most: have all of it. */
		if (size > 1 && round % 2)
			bytes[0] = "\x0f\x66\x48\x4c\xf3\x65"[random() % 6];
		got = decode(bytes, size, 0xffffffff81000000ull, &refs);
		if (got > size)
			return 1;
		for (i = 0; i < refs.count && i < refs.room; i++) {
			if (room[i].offset >= got || room[i].kind > KS_REF_JUMP)
				return 1;
		}
		free(bytes);
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 2 && i < sizeof(decoders) / sizeof(*decoders); i++) {
		if (strcmp(argv[1], decoders[i].arch))
			continue;
		if (!strcmp(argv[2], "code"))
			return code(decoders[i].decode);
		if (argc == 4 && !strcmp(argv[2], "random"))
			return noise(decoders[i].decode, atoi(argv[3]));
	}
	return 2;
}
