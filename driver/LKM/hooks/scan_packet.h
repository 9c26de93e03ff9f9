/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A packet that comes in, as far as it may be a scanner's.  Nothing is
 * believed beyond its bytes.  It compiles on the host, too.
 */
#ifndef KS_SCAN_PACKET_H
#define KS_SCAN_PACKET_H

#include <linux/types.h>

struct sk_buff;

/* What was sent to a port: values of the field `kind`. */
enum ks_scan_kind {
	KS_SCAN_SYN = 1,
	KS_SCAN_NULL = 2,	/* none of TCP's flags */
	KS_SCAN_FIN = 3,	/* FIN alone */
	KS_SCAN_XMAS = 4,	/* others without ACK: FIN, PSH and URG mostly */
	KS_SCAN_ACK = 5,	/* ACK alone, and no data */
	KS_SCAN_UDP = 6,
};

enum ks_packet_fate {
	KS_PACKET_PROBE,	/* it may be one of a scan */
	KS_PACKET_OTHER,	/* not of such a kind */
	/* What cannot be looked at, by reason. */
	KS_PACKET_FRAGMENT,	/* not the first of its packet: it has no ports */
	KS_PACKET_SHORT,	/* it ends within a header */
	KS_PACKET_LENGTH,	/* a length in it cannot be */
	KS_PACKET_EXTENSIONS,	/* more extension headers than anybody needs */
	KS_PACKET_FATES
};

struct ks_packet {
	u16 kind;		/* enum ks_scan_kind */
	u16 source_port;
	u16 port;
	u8 source[16];		/* IPv4: the first 4 bytes */
	u8 target[16];
};

/* All of packet is set when it is a PROBE.  ipv6: the version that it was received as. */
enum ks_packet_fate ks_packet_parse(const struct sk_buff *skb, bool ipv6,
				    struct ks_packet *packet);

#endif /* KS_SCAN_PACKET_H */
