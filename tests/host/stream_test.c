// SPDX-License-Identifier: GPL-2.0-only
/*
 * hooks/dns_stream.c on the host.
 *
 *	stream_test fuzz COUNT SEED	COUNT answers of connections in any pieces, looked at and read in
 *					any pieces, some with bytes that are never seen; prints how many
 *					answers there were, how many came of whole connections, and of
 *					those with gaps
 *	stream_test later		a connection of which the first bytes are not seen
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/skbuff.h>
#include "../../driver/LKM/hooks/dns_parse.h"
#include "../../driver/LKM/hooks/dns_stream.h"
#include "check.h"

#define ANSWERS	12

struct connection {
	u8 *bytes;
	u32 size;
	u32 begin[ANSWERS + 1];	/* of each answer, its length included */
	u32 count;
	u32 taken;		/* of the answers, in order */
	bool gaps;
};

#define NOISE	65536

static struct ks_dns_stream stream;
static u8 noise[NOISE];
static u64 made, whole, after_gaps;

static void make(struct connection *c)
{
	static u8 space[ANSWERS * 6000];
	u32 length;

	c->count = rnd() % ANSWERS + 1;
	c->bytes = space;
	c->size = 0;
	c->taken = 0;
	for (u32 i = 0; i < c->count; i++) {
		c->begin[i] = c->size;
		length = rnd() % 16 ? rnd() % 300 + 1 : rnd() % 5900 + 1;
		c->bytes[c->size++] = length >> 8;
		c->bytes[c->size++] = length;
		memcpy(c->bytes + c->size, noise + rnd() % (NOISE - length), length);
		if (length > 2)
			c->bytes[c->size + 2] |= 0x80;
		c->size += length;
	}
	c->begin[c->count] = c->size;
	made += c->count;
}

static void came(struct connection *c)
{
	const u8 *answer = c->bytes + c->begin[c->taken] + 2;
	u32 length = c->begin[c->taken + 1] - c->begin[c->taken] - 2;

	if (c->gaps) {
		after_gaps++;
		return;
	}
	CHECK(c->taken < c->count);
	CHECK(stream.length == length);
	CHECK(!memcmp(stream.message, answer,
		      length < KS_DNS_LOOKED_AT ? length : KS_DNS_LOOKED_AT));
	c->taken++;
	whole++;
}

static void look(struct connection *c, const struct sk_buff *skb, u32 place, u32 at, u32 end)
{
	if (!ks_dns_stream_join(&stream, skb, place, &at, end))
		return;
	CHECK(at < end);
	while (ks_dns_stream_take(&stream, skb, &at, end))
		came(c);
	CHECK(stream.lost || at == end);
}

/* One buffer, in any pieces; a program may look at some of it first, from its begin on. */
static void read_buffer(struct connection *c, const struct sk_buff *skb, u32 place)
{
	u32 at = 0, end;

	while (at < skb->len) {
		if (!(rnd() % 4))
			look(c, skb, place, at, at + rnd() % (skb->len - at) + 1);
		end = rnd() % 2 ? skb->len : at + rnd() % (skb->len - at) + 1;
		look(c, skb, place, at, end);
		at = end;
	}
}

static void fuzz(u64 count)
{
	/* In memory of exactly its size. */
	struct sk_buff skb;
	struct connection c;
	u32 at;
	u8 *data;

	for (at = 0; at < NOISE; at++)
		noise[at] = rnd();
	/* So many answers. */
	while (made < count) {
		make(&c);
		c.gaps = !(rnd() % 4);
		ks_dns_stream_begin(&stream);
		for (at = 0; at < c.size; at += skb.len) {
			skb.len = rnd() % 3 ? rnd() % 1500 + 1 : rnd() % 4 + 1;
			if (skb.len > c.size - at)
				skb.len = c.size - at;
			data = malloc(skb.len);
			memcpy(data, c.bytes + at, skb.len);
			skb.data = data;
			if (!c.gaps || rnd() % 8)
				read_buffer(&c, &skb, at);
			free(data);
		}
		CHECK(c.gaps || (c.taken == c.count && !stream.lost));
	}
	printf("%llu %llu %llu\n", (unsigned long long)made, (unsigned long long)whole,
	       (unsigned long long)after_gaps);
}

/* A buffer with the end of an answer, one with two answers, and one that begins with a third. */
static void later(void)
{
	struct connection c = { .gaps = true };
	u8 answer[2 * 22 + 5] = {};
	struct sk_buff skb = { .data = answer + 3, .len = 19 };

	answer[1] = answer[23] = answer[45] = 20;
	answer[4] = answer[26] = answer[48] = 0x80;
	ks_dns_stream_begin(&stream);
	look(&c, &skb, 1003, 0, 19);
	CHECK(stream.lost && !after_gaps);
	skb.data = answer;
	skb.len = sizeof(answer);
	look(&c, &skb, 1022, 0, sizeof(answer));
	CHECK(stream.lost && !after_gaps);
	skb.len = 44;
	/* From its middle on nobody can tell. */
	look(&c, &skb, 1022, 22, 44);
	CHECK(stream.lost && !after_gaps);
	look(&c, &skb, 1022, 0, 44);
	CHECK(!stream.lost && after_gaps == 2);
	look(&c, &skb, 1022, 0, 44);
	CHECK(after_gaps == 2);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "later")) {
		later();
		return 0;
	}
	if (argc != 4 || strcmp(argv[1], "fuzz"))
		return 2;
	random_state = strtoull(argv[3], NULL, 10) | 1;
	fuzz(strtoull(argv[2], NULL, 10));
	return 0;
}
