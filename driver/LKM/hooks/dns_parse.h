/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An answer of the domain name system, as text.  What it says of itself is
 * believed only as far as its bytes reach.  RFC 1035, RFC 3596 (AAAA),
 * RFC 2782 (SRV), RFC 9460 (HTTPS).  It compiles on the host, too.
 */
#ifndef KS_DNS_PARSE_H
#define KS_DNS_PARSE_H

#include <linux/types.h>

#define KS_DNS_HEADER	12
/* A name of 255 bytes, each written as \DDD. */
#define KS_DNS_NAME	1020
/* The answers of which a text is made. */
#define KS_DNS_ANSWERS	16
/* What a text of those may take, the name of the question included. */
#define KS_DNS_TEXT	4096

/* What is wrong with a message; all before that was good. */
enum ks_dns_problem {
	KS_DNS_GOOD = 0,
	KS_DNS_SHORT = 1,	/* it ends within its header */
	KS_DNS_COUNTS = 2,	/* it ends before what its header counts */
	KS_DNS_LABEL = 3,	/* a label of a kind that there is not */
	KS_DNS_POINTER = 4,	/* a name that points forward, or to itself */
	KS_DNS_LONG = 5,	/* a name of more than 255 bytes */
	KS_DNS_DATA = 6,	/* data of an answer that its type does not have */
};

struct ks_dns {
	u16 id;
	u16 flags;		/* as in the header */
	u16 type;		/* of the question; without one of the first answer */
	u16 class;
	u16 questions;		/* what the header counts */
	u16 answers;
	u32 name_length;	/* bytes of text */
	u32 told_length;	/* bytes of text behind the name: a string closed by NUL each */
	bool more;		/* there are answers that are not in the text */
	enum ks_dns_problem problem;
};

static inline bool ks_dns_is_answer(const u8 *header)
{
	return header[2] & 0x80;
}

static inline unsigned int ks_dns_opcode(u16 flags)
{
	return flags >> 11 & 0xf;
}

static inline unsigned int ks_dns_rcode(u16 flags)
{
	return flags & 0xf;
}

/*
 * length bytes of a message; where it goes on behind them, cut, that is not
 * held against it.  text has KS_DNS_TEXT bytes and gets the name, without a
 * dot at its end ("." alone for the root), then the answers: "A 192.0.2.1",
 * "MX 10 mail.example".  In names a dot and a backslash that are no
 * separators have a backslash before them, what is not printable is \DDD.
 */
void ks_dns_parse(const u8 *message, size_t length, bool cut, char *text, struct ks_dns *dns);

#endif /* KS_DNS_PARSE_H */
