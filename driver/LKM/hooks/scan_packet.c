// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every byte is fetched by one function that knows where the packet ends.
 */
#include <linux/skbuff.h>
#include <linux/string.h>
#include "scan_packet.h"

#define IPV4_HEADER	20
#define IPV6_HEADER	40
#define TCP_HEADER	20
#define UDP_HEADER	8
#define EXTENSIONS	8	/* of IPv6; a good packet has two, or three */

enum {
	NEXT_HOP_BY_HOP = 0,
	NEXT_TCP = 6,
	NEXT_UDP = 17,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_AUTHENTICATION = 51,
	NEXT_DESTINATION = 60,
};

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_FLAGS = 0x3f,
};

struct place {
	u32 at;
	u8 next;		/* what is there */
	bool cut;		/* a first fragment: what it says of its length is of all of them */
};

static const u8 *fetch(const struct sk_buff *skb, u32 at, u32 length, u8 *room)
{
	if (at > skb->len || length > skb->len - at)
		return NULL;
	return skb_header_pointer(skb, at, length, room);
}

static u16 get16(const u8 *bytes)
{
	return bytes[0] << 8 | bytes[1];
}

static enum ks_packet_fate parse_ipv4(const struct sk_buff *skb, struct place *place,
				      struct ks_packet *packet)
{
	u8 room[IPV4_HEADER];
	const u8 *ip = fetch(skb, place->at, sizeof(room), room);

	if (!ip)
		return KS_PACKET_SHORT;
	if (ip[0] >> 4 != 4 || (ip[0] & 0xf) * 4 < IPV4_HEADER)
		return KS_PACKET_LENGTH;
	if (get16(ip + 6) & 0x1fff)
		return KS_PACKET_FRAGMENT;
	place->cut = get16(ip + 6) & 0x2000;
	place->next = ip[9];
	place->at += (ip[0] & 0xf) * 4;
	memcpy(packet->source, ip + 12, 4);
	memcpy(packet->target, ip + 16, 4);
	return KS_PACKET_PROBE;
}

/* Over one extension header; OTHER: it is none. */
static enum ks_packet_fate skip_extension(const struct sk_buff *skb, struct place *place)
{
	u8 room[8];
	const u8 *header;

	switch (place->next) {
	case NEXT_HOP_BY_HOP:
	case NEXT_ROUTING:
	case NEXT_DESTINATION:
	case NEXT_AUTHENTICATION:
	case NEXT_FRAGMENT:
		break;
	default:
		return KS_PACKET_OTHER;
	}
	header = fetch(skb, place->at, sizeof(room), room);
	if (!header)
		return KS_PACKET_SHORT;
	if (place->next == NEXT_FRAGMENT) {
		if (get16(header + 2) & 0xfff8)
			return KS_PACKET_FRAGMENT;
		place->cut |= header[3] & 1;
		place->at += sizeof(room);
	} else if (place->next == NEXT_AUTHENTICATION) {
		place->at += (header[1] + 2) * 4;
	} else {
		place->at += (header[1] + 1) * 8;
	}
	place->next = header[0];
	return KS_PACKET_PROBE;
}

static enum ks_packet_fate parse_ipv6(const struct sk_buff *skb, struct place *place,
				      struct ks_packet *packet)
{
	u8 room[IPV6_HEADER];
	const u8 *ip = fetch(skb, place->at, sizeof(room), room);
	enum ks_packet_fate fate;
	int i;

	if (!ip)
		return KS_PACKET_SHORT;
	if (ip[0] >> 4 != 6)
		return KS_PACKET_LENGTH;
	place->next = ip[6];
	place->at += IPV6_HEADER;
	memcpy(packet->source, ip + 8, 16);
	memcpy(packet->target, ip + 24, 16);
	for (i = 0; i <= EXTENSIONS; i++) {
		fate = skip_extension(skb, place);
		if (fate == KS_PACKET_OTHER)
			return KS_PACKET_PROBE;
		if (fate != KS_PACKET_PROBE)
			return fate;
	}
	return KS_PACKET_EXTENSIONS;
}

/* 0: of no kind.  What a connection sends after its SYN has ACK, or is a RST. */
static u16 tcp_kind(u8 flags, bool data)
{
	if (flags & TCP_RST)
		return 0;
	if (flags & TCP_ACK)
		return flags == TCP_ACK && !data ? KS_SCAN_ACK : 0;
	if (flags & TCP_SYN)
		return KS_SCAN_SYN;
	if (!flags)
		return KS_SCAN_NULL;
	return flags == TCP_FIN ? KS_SCAN_FIN : KS_SCAN_XMAS;
}

static enum ks_packet_fate parse_tcp(const struct sk_buff *skb, const struct place *place,
				     struct ks_packet *packet)
{
	u8 room[TCP_HEADER];
	const u8 *tcp = fetch(skb, place->at, sizeof(room), room);
	u32 header, left = skb->len - place->at;

	if (!tcp)
		return KS_PACKET_SHORT;
	header = (tcp[12] >> 4) * 4;
	if (header < TCP_HEADER || (header > left && !place->cut))
		return KS_PACKET_LENGTH;
	packet->source_port = get16(tcp);
	packet->port = get16(tcp + 2);
	packet->kind = tcp_kind(tcp[13] & TCP_FLAGS, left > header);
	return packet->kind ? KS_PACKET_PROBE : KS_PACKET_OTHER;
}

static enum ks_packet_fate parse_udp(const struct sk_buff *skb, const struct place *place,
				     struct ks_packet *packet)
{
	u8 room[UDP_HEADER];
	const u8 *udp = fetch(skb, place->at, sizeof(room), room);
	u32 said;

	if (!udp)
		return KS_PACKET_SHORT;
	said = get16(udp + 4);
	/* 0: a jumbogram of IPv6, or of what the kernel has put together. */
	if (said && (said < UDP_HEADER || (said > skb->len - place->at && !place->cut)))
		return KS_PACKET_LENGTH;
	packet->source_port = get16(udp);
	packet->port = get16(udp + 2);
	packet->kind = KS_SCAN_UDP;
	return KS_PACKET_PROBE;
}

enum ks_packet_fate ks_packet_parse(const struct sk_buff *skb, bool ipv6,
				    struct ks_packet *packet)
{
	struct place place = { .at = skb_network_offset(skb) };
	enum ks_packet_fate fate;

	memset(packet, 0, sizeof(*packet));
	fate = ipv6 ? parse_ipv6(skb, &place, packet) : parse_ipv4(skb, &place, packet);
	if (fate != KS_PACKET_PROBE)
		return fate;
	if (place.next == NEXT_TCP)
		return parse_tcp(skb, &place, packet);
	return place.next == NEXT_UDP ? parse_udp(skb, &place, packet) : KS_PACKET_OTHER;
}
