// SPDX-License-Identifier: GPL-2.0-only
/*
 * hooks/dns_parse.c on the host.
 *
 *	dns_test parse			messages in hexadecimal on standard input, a line each
 *	dns_test fuzz COUNT SEED	the same, from which COUNT damaged ones are made
 *
 * A message that is cut has a '+' behind it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../driver/LKM/hooks/dns_parse.h"
#include "check.h"

#define SEEDS	256
#define LONGEST	4096

struct message {
	size_t length;
	bool cut;
	u8 *data;
};

static struct message seeds[SEEDS];
static size_t seed_count;

static bool next(struct message *message)
{
	static char line[2 * LONGEST + 16];
	unsigned int byte;
	size_t digits;

	do {
		if (!fgets(line, sizeof(line), stdin))
			return false;
	} while (*line == '#');
	digits = strspn(line, "0123456789abcdef");
	message->cut = line[digits] == '+';
	message->length = digits / 2;
	/* Of exactly that size, so that a byte too many is found. */
	message->data = malloc(message->length);
	for (size_t i = 0; i < message->length; i++) {
		CHECK(sscanf(line + 2 * i, "%2x", &byte) == 1);
		message->data[i] = byte;
	}
	return true;
}

static void parse(const struct message *message, char **text, struct ks_dns *dns)
{
	size_t strings = 0, i;

	*text = malloc(KS_DNS_TEXT);
	memset(dns, 0xff, sizeof(*dns));
	ks_dns_parse(message->data, message->length, message->cut, *text, dns);
	CHECK(dns->name_length <= KS_DNS_NAME);
	CHECK(dns->name_length + dns->told_length <= KS_DNS_TEXT);
	CHECK(dns->problem <= KS_DNS_DATA);
	for (i = 0; i < dns->name_length + dns->told_length; i++) {
		if (i < dns->name_length)
			CHECK((*text)[i] > 0x20 && (*text)[i] < 0x7f);
		else if (!(*text)[i])
			strings++;
		else
			CHECK((*text)[i] >= 0x20 && (*text)[i] < 0x7f);
	}
	CHECK(strings <= KS_DNS_ANSWERS);
	CHECK(!dns->told_length || !(*text)[i - 1]);
}

static void show(const struct message *message)
{
	struct ks_dns dns;
	char *text;

	parse(message, &text, &dns);
	printf("%d %u %u %u %u %u %u %d ", dns.problem, dns.id, dns.flags, dns.type, dns.class,
	       dns.questions, dns.answers, dns.more);
	printf("%.*s", (int)dns.name_length, dns.name_length ? text : "");
	for (size_t i = 0; i < dns.told_length; i += strlen(text + dns.name_length + i) + 1)
		printf("\t%s", text + dns.name_length + i);
	putchar('\n');
	free(text);
}

/* One to eight damages: bytes, lengths, pointers, counts, a piece doubled, the end cut off. */
static void damage(struct message *message)
{
	size_t at, from, length;

	for (u64 left = rnd() % 8 + 1; left && message->length; left--) {
		at = rnd() % message->length;
		from = rnd() % message->length;
		switch (rnd() % 6) {
		case 0:
			message->data[at] = rnd();
			break;
		case 1:
			message->data[at] ^= 1 << rnd() % 8;
			break;
		case 2:
			message->data[at] = 0xc0 | (from >> 8 & 0x3f);
			if (at + 1 < message->length)
				message->data[at + 1] = from;
			break;
		case 3:
			message->data[4 + rnd() % 8 < message->length ? 4 + rnd() % 4 : 0] = rnd();
			break;
		case 4:
			length = rnd() % (message->length - (at > from ? at : from));
			memmove(message->data + at, message->data + from, length);
			break;
		default:
			message->length = rnd() % 8 ? message->length : at;
		}
	}
}

static void fuzz(u64 count)
{
	struct message one;
	u64 problems[KS_DNS_DATA + 1] = {};
	struct ks_dns dns;
	char *text;

	CHECK(seed_count);
	for (u64 i = 0; i < count; i++) {
		const struct message *seed = &seeds[rnd() % seed_count];
		u8 space[LONGEST];

		one.length = seed->length;
		one.cut = !(rnd() % 4);
		one.data = space;
		memcpy(space, seed->data, seed->length);
		damage(&one);
		one.data = malloc(one.length);
		memcpy(one.data, space, one.length);
		parse(&one, &text, &dns);
		problems[dns.problem]++;
		free(text);
		free(one.data);
	}
	for (int i = 0; i <= KS_DNS_DATA; i++)
		printf("%llu ", (unsigned long long)problems[i]);
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct message message;

	if (argc == 2 && !strcmp(argv[1], "parse")) {
		while (next(&message)) {
			show(&message);
			free(message.data);
		}
		return 0;
	}
	if (argc != 4 || strcmp(argv[1], "fuzz"))
		return 2;
	while (seed_count < SEEDS && next(&seeds[seed_count]))
		seed_count++;
	random_state = strtoull(argv[3], NULL, 10) | 1;
	fuzz(strtoull(argv[2], NULL, 10));
	while (seed_count)
		free(seeds[--seed_count].data);
	return 0;
}
