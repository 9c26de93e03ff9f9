// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every byte is fetched by one function that knows where the message ends,
 * and written by one that knows where the text does.  A name's pointers go
 * backwards only, so that each name ends.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include "dns_parse.h"

#define WIRE_NAME	255	/* bytes of a name, lengths and root included */
#define POINTER		0xc0
#define MAX_JUMPS	64	/* pointers to pointers are allowed, and nobody needs them */

enum {
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_PTR = 12,
	TYPE_MX = 15,
	TYPE_TXT = 16,
	TYPE_AAAA = 28,
	TYPE_SRV = 33,
	TYPE_SVCB = 64,
	TYPE_HTTPS = 65,
};

struct reader {
	const u8 *data;
	size_t end;		/* the message's */
	size_t at;
	enum ks_dns_problem problem;
	char *text;
	size_t used;
	bool full;
};

static bool wrong(struct reader *r, enum ks_dns_problem problem)
{
	if (!r->problem)
		r->problem = problem;
	return false;
}

static bool get(struct reader *r, size_t end, unsigned int bytes, u32 *value)
{
	*value = 0;
	if (end - r->at < bytes)
		return wrong(r, end == r->end ? KS_DNS_COUNTS : KS_DNS_DATA);
	for (; bytes; bytes--)
		*value = *value << 8 | r->data[r->at++];
	return true;
}

static void put(struct reader *r, char byte)
{
	if (r->used < KS_DNS_TEXT)
		r->text[r->used++] = byte;
	else
		r->full = true;
}

static void put_text(struct reader *r, const char *text)
{
	for (; *text; text++)
		put(r, *text);
}

static void put_number(struct reader *r, u32 value, u32 base)
{
	char digits[12];
	int count = 0;

	do
		digits[count++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (count)
		put(r, digits[--count]);
}

/* A byte of a name or, quoted, of a text. */
static void put_byte(struct reader *r, u8 byte, bool quoted)
{
	if (byte == '\\' || byte == (quoted ? '"' : '.')) {
		put(r, '\\');
		put(r, byte);
	} else if (byte > (quoted ? 0x1f : 0x20) && byte < 0x7f) {
		put(r, byte);
	} else {
		put(r, '\\');
		put(r, '0' + byte / 100);
		put(r, '0' + byte / 10 % 10);
		put(r, '0' + byte % 10);
	}
}

/* The second byte of a pointer that stands in the piece of a name that begins at begin. */
static bool follow(struct reader *r, size_t end, u32 head, size_t begin)
{
	u32 low;

	if (!get(r, end, 1, &low))
		return false;
	low |= (head & ~POINTER) << 8;
	if (low >= begin || low < KS_DNS_HEADER)
		return wrong(r, KS_DNS_POINTER);
	r->at = low;
	return true;
}

static bool label(struct reader *r, size_t end, u32 length)
{
	u32 byte;

	for (; length; length--) {
		if (!get(r, end, 1, &byte))
			return false;
		put_byte(r, byte, false);
	}
	return true;
}

/* Writes the name at r->at, whose own bytes end before end, and goes behind those. */
static bool put_name(struct reader *r, size_t end)
{
	size_t begin = r->at, behind = 0, length = 1;
	unsigned int jumps = 0;
	u32 head;

	while (get(r, end, 1, &head) && head) {
		if ((head & POINTER) == POINTER) {
			if (!behind)
				behind = r->at + 1;
			if (++jumps > MAX_JUMPS)
				return wrong(r, KS_DNS_POINTER);
			if (!follow(r, end, head, begin))
				return false;
			begin = r->at;
			end = r->end;
			continue;
		}
		if (head & POINTER)
			return wrong(r, KS_DNS_LABEL);
		if (length > 1)
			put(r, '.');
		length += head + 1;
		if (length > WIRE_NAME)
			return wrong(r, KS_DNS_LONG);
		if (!label(r, end, head))
			return false;
	}
	if (r->problem)
		return false;
	if (length == 1)
		put(r, '.');
	if (behind)
		r->at = behind;
	return true;
}

static bool skip(struct reader *r, size_t end, u32 bytes)
{
	if (end - r->at < bytes)
		return wrong(r, end == r->end ? KS_DNS_COUNTS : KS_DNS_DATA);
	r->at += bytes;
	return true;
}

/* What nobody reads need not be followed. */
static bool skip_name(struct reader *r)
{
	u32 head;

	while (get(r, r->end, 1, &head) && head) {
		if ((head & POINTER) == POINTER)
			return skip(r, r->end, 1);
		if (head & POINTER)
			return wrong(r, KS_DNS_LABEL);
		if (!skip(r, r->end, head))
			return false;
	}
	return !r->problem;
}

static bool put_ipv4(struct reader *r, size_t end)
{
	u32 byte;
	int i;

	for (i = 0; i < 4; i++) {
		if (!get(r, end, 1, &byte))
			return false;
		if (i)
			put(r, '.');
		put_number(r, byte, 10);
	}
	return true;
}

/* As RFC 5952 has it: the first longest run of zeroes is left out. */
static bool put_ipv6(struct reader *r, size_t end)
{
	int i, run = 0, longest = 1, from = -1;
	u32 group[8];

	for (i = 0; i < 8; i++) {
		if (!get(r, end, 2, &group[i]))
			return false;
		run = group[i] ? 0 : run + 1;
		if (run > longest) {
			longest = run;
			from = i - run + 1;
		}
	}
	for (i = 0; i < 8; i++) {
		if (i == from) {
			put_text(r, "::");
			i += longest - 1;
			continue;
		}
		if (i && i != from + longest)
			put(r, ':');
		put_number(r, group[i], 16);
	}
	return true;
}

static bool put_strings(struct reader *r, size_t end)
{
	u32 length, byte;

	while (r->at < end) {
		if (!get(r, end, 1, &length))
			return false;
		put_text(r, " \"");
		for (; length; length--) {
			if (!get(r, end, 1, &byte))
				return false;
			put_byte(r, byte, true);
		}
		put(r, '"');
	}
	return true;
}

/* Numbers of two bytes, then a name. */
static bool put_numbered(struct reader *r, size_t end, const char *type, int numbers)
{
	u32 number;

	put_text(r, type);
	for (; numbers; numbers--) {
		put(r, ' ');
		if (!get(r, end, 2, &number))
			return false;
		put_number(r, number, 10);
	}
	put(r, ' ');
	return put_name(r, end);
}

/* false: wrong, or of a type that is not told; what was written is taken back then. */
static bool put_data(struct reader *r, u32 type, size_t end)
{
	switch (type) {
	case TYPE_A:
		put_text(r, "A ");
		return put_ipv4(r, end) && (r->at == end || wrong(r, KS_DNS_DATA));
	case TYPE_AAAA:
		put_text(r, "AAAA ");
		return put_ipv6(r, end) && (r->at == end || wrong(r, KS_DNS_DATA));
	case TYPE_NS:
		return put_numbered(r, end, "NS", 0);
	case TYPE_CNAME:
		return put_numbered(r, end, "CNAME", 0);
	case TYPE_PTR:
		return put_numbered(r, end, "PTR", 0);
	case TYPE_MX:
		return put_numbered(r, end, "MX", 1);
	case TYPE_SRV:
		return put_numbered(r, end, "SRV", 3);
	case TYPE_SVCB:
		return put_numbered(r, end, "SVCB", 1);
	case TYPE_HTTPS:
		return put_numbered(r, end, "HTTPS", 1);
	case TYPE_TXT:
		put_text(r, "TXT");
		return put_strings(r, end);
	}
	return false;
}

static bool put_answer(struct reader *r, struct ks_dns *dns, bool first)
{
	u32 type, class, ttl, length;
	size_t before = r->used, end;

	if (first && !dns->questions) {
		if (!put_name(r, r->end))
			return false;
		dns->name_length = r->used;
		before = r->used;
	} else if (!skip_name(r)) {
		return false;
	}
	if (!get(r, r->end, 2, &type) || !get(r, r->end, 2, &class) ||
	    !get(r, r->end, 4, &ttl) || !get(r, r->end, 2, &length))
		return false;
	if (first && !dns->questions) {
		dns->type = type;
		dns->class = class;
	}
	end = r->at + length;
	if (end > r->end)
		return wrong(r, KS_DNS_COUNTS);
	if (put_data(r, type, end))
		put(r, '\0');
	else
		r->used = before;
	if (r->full)
		r->used = before;
	r->at = end;
	return !r->problem && !r->full;
}

static bool put_question(struct reader *r, struct ks_dns *dns, bool first)
{
	u32 type, class;

	if (first ? !put_name(r, r->end) : !skip_name(r))
		return false;
	if (first)
		dns->name_length = r->used;
	if (!get(r, r->end, 2, &type) || !get(r, r->end, 2, &class))
		return false;
	if (first) {
		dns->type = type;
		dns->class = class;
	}
	return true;
}

static void parse(struct reader *r, struct ks_dns *dns)
{
	u32 id, flags, questions, answers, rest;
	unsigned int i;

	/* Of a header that is not there. */
	if (!get(r, r->end, 2, &id) || !get(r, r->end, 2, &flags) ||
	    !get(r, r->end, 2, &questions) || !get(r, r->end, 2, &answers) ||
	    !get(r, r->end, 4, &rest)) {
		r->problem = KS_DNS_SHORT;
		return;
	}
	dns->id = id;
	dns->flags = flags;
	dns->questions = questions;
	dns->answers = answers;
	for (i = 0; i < questions; i++) {
		if (!put_question(r, dns, !i))
			return;
	}
	for (i = 0; i < answers && i < KS_DNS_ANSWERS; i++) {
		if (!put_answer(r, dns, !i))
			return;
	}
	dns->more = i < answers;
}

void ks_dns_parse(const u8 *message, size_t length, bool cut, char *text, struct ks_dns *dns)
{
	struct reader r = { .data = message, .end = length, .text = text };

	memset(dns, 0, sizeof(*dns));
	parse(&r, dns);
	/* Half a name is none. */
	if (!dns->name_length)
		r.used = 0;
	dns->told_length = r.used - dns->name_length;
	dns->more |= r.full;
	dns->problem = r.problem;
	if (cut && r.problem == KS_DNS_COUNTS) {
		dns->problem = KS_DNS_GOOD;
		dns->more = true;
	}
}
