/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet of exactly so many bytes, none of which lies elsewhere. */
#ifndef SHIM_SKBUFF_H
#define SHIM_SKBUFF_H

#include <linux/types.h>

struct sk_buff {
	const u8 *data;
	unsigned int len;
};

#define skb_network_offset(skb)	0

static inline const void *skb_header_pointer(const struct sk_buff *skb, int offset, int length,
					     void *buffer)
{
	if (skb->len - offset < (unsigned int)length)
		return NULL;
	/* As if it were in another page. */
	for (int i = 0; i < length; i++)
		((u8 *)buffer)[i] = skb->data[offset + i];
	return buffer;
}

static inline int skb_copy_bits(const struct sk_buff *skb, int offset, void *to, int length)
{
	if (offset < 0 || skb->len < (unsigned int)offset ||
	    skb->len - offset < (unsigned int)length)
		return -1;
	for (int i = 0; i < length; i++)
		((u8 *)to)[i] = skb->data[offset + i];
	return 0;
}

#endif /* SHIM_SKBUFF_H */
