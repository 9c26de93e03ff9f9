/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Answers on a connection: one after another, each behind its length, in
 * whatever pieces a program reads them.  It compiles on the host, too.
 */
#ifndef KS_DNS_STREAM_H
#define KS_DNS_STREAM_H

#include <linux/types.h>

struct sk_buff;

/* Bytes of an answer that are looked at; with EDNS most are shorter than 1,232. */
#define KS_DNS_LOOKED_AT	4096
/* Answers in one buffer; what has more is none of a server's. */
#define KS_DNS_PIPELINED	64

struct ks_dns_stream {
	u32 next;		/* place in the stream of the byte that is waited for */
	u32 have;		/* bytes of this answer that were there, its length included */
	u32 length;		/* of the answer; not known before two bytes are there */
	bool lost;		/* where an answer begins is not known */
	u8 message[KS_DNS_LOOKED_AT];	/* its begin */
};

/* Of a connection whose first byte is at place 0. */
void ks_dns_stream_begin(struct ks_dns_stream *stream);

/*
 * Bytes *at to end (behind the last) of a buffer are read, whose byte 0 is at this
 * place.  true: from *at on, which is moved, they are to be taken.  What is read a
 * second time, as after MSG_PEEK, is not taken twice.  Where bytes were missed, or
 * are of a connection that was there before, the stream is lost until a buffer is
 * read from its begin that holds whole answers and nothing else.
 */
bool ks_dns_stream_join(struct ks_dns_stream *stream, const struct sk_buff *skb, u32 place,
			u32 *at, u32 end);

/* Takes bytes up to the end of an answer, true, or up to end. */
bool ks_dns_stream_take(struct ks_dns_stream *stream, const struct sk_buff *skb, u32 *at, u32 end);

#endif /* KS_DNS_STREAM_H */
