// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/skbuff.h>
#include <linux/string.h>
#include "dns_parse.h"
#include "dns_stream.h"

#define PREFIX	2	/* bytes of an answer's length */

static u32 get16(const u8 *bytes)
{
	return bytes[0] << 8 | bytes[1];
}

void ks_dns_stream_begin(struct ks_dns_stream *stream)
{
	stream->next = 0;
	stream->have = 0;
	stream->length = 0;
	stream->lost = false;
}

static bool has_whole_answers(const struct sk_buff *skb)
{
	u8 head[PREFIX + 4];
	u32 at = 0, length;
	int i;

	for (i = 0; i < KS_DNS_PIPELINED && at < skb->len; i++) {
		if (skb->len - at < sizeof(head) || skb_copy_bits(skb, at, head, sizeof(head)))
			return false;
		length = get16(head);
		if (length < KS_DNS_HEADER || length > skb->len - at - PREFIX ||
		    !ks_dns_is_answer(head + PREFIX))
			return false;
		at += PREFIX + length;
	}
	return at == skb->len;
}

bool ks_dns_stream_join(struct ks_dns_stream *stream, const struct sk_buff *skb, u32 place,
			u32 *at, u32 end)
{
	s32 seen = stream->next - (place + *at);

	if (!stream->lost && seen >= 0) {
		if ((u32)seen >= end - *at)
			return false;
		*at += seen;
		return true;
	}
	stream->lost = true;
	if (*at || !has_whole_answers(skb))
		return false;
	ks_dns_stream_begin(stream);
	stream->next = place;
	return true;
}

/* One byte of the length, or as much as there is of the answer; false: it cannot be had. */
static bool take_some(struct ks_dns_stream *stream, const struct sk_buff *skb, u32 at, u32 *some)
{
	u32 done = stream->have - PREFIX;
	u8 byte;

	if (stream->have < PREFIX) {
		if (skb_copy_bits(skb, at, &byte, sizeof(byte)))
			return false;
		stream->length = stream->length << 8 | byte;
		*some = sizeof(byte);
		return stream->have + 1 < PREFIX || stream->length;
	}
	*some = min(*some, stream->length - done);
	return done >= KS_DNS_LOOKED_AT ||
	       !skb_copy_bits(skb, at, stream->message + done,
			      min(*some, KS_DNS_LOOKED_AT - done));
}

bool ks_dns_stream_take(struct ks_dns_stream *stream, const struct sk_buff *skb, u32 *at, u32 end)
{
	u32 some;

	while (*at < end) {
		if (!stream->have)
			stream->length = 0;
		some = end - *at;
		/* A buffer that is not there, or an answer of no byte, which is none. */
		if (!take_some(stream, skb, *at, &some)) {
			stream->lost = true;
			return false;
		}
		stream->have += some;
		stream->next += some;
		*at += some;
		if (stream->have > PREFIX && stream->have == stream->length + PREFIX) {
			stream->have = 0;
			return true;
		}
	}
	return false;
}
