/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who scans: of each source, network namespace and kind, the ports and hosts
 * that it tried within a sliding window, in memory of a fixed size.  It
 * compiles on the host, too.  Packets are counted once, whoever wants to know;
 * each who asks has a rule of his own.
 *
 * A source gets a place among the sources only when it tries a second port or
 * host; until then it is 16 bytes in a table of many.  So a flood of spoofed
 * sources, which try one port each, never pushes out who tries several, and a
 * scanner is known by its next probe unless its 16 bytes were overwritten in
 * between, as one new source in KS_SCAN_STRANGERS does it.
 */
#ifndef KS_SCAN_DETECT_H
#define KS_SCAN_DETECT_H

#include <linux/siphash.h>
#include <linux/types.h>
#include "scan_packet.h"

#define KS_SCAN_STRANGERS	32768	/* sources of one port and host */
#define KS_SCAN_SETS		128	/* of the others */
#define KS_SCAN_WAYS		8
#define KS_SCAN_KEPT		32	/* ports, and hosts, that are kept of each */
#define KS_SCAN_ASKERS		32	/* who may want to be told, each by a rule of its own */
#define KS_SCAN_PORT_BITS	1024	/* ports are counted modulo */
/* Whoever calls what follows has locked this part of the hash. */
#define KS_SCAN_LOCKS		64

struct ks_scan_stranger {
	u32 tag;
	u16 port;
	u16 host;
	u64 time;		/* 0: free */
};

/* What was tried last; distinct. */
struct ks_scan_recent {
	u32 count;
	u32 key[KS_SCAN_KEPT];
	u32 time[KS_SCAN_KEPT];
};

struct ks_scan_source {
	u64 hash;		/* who, and which kind; 0: free */
	u64 first;		/* after it was silent for a window */
	u64 last;
	u64 packets;		/* since first */
	u64 seen[KS_SCAN_PORT_BITS / 64];	/* likewise */
	u32 told[KS_SCAN_ASKERS];	/* when each was; 0: never */
	struct ks_scan_recent ports;
	struct ks_scan_recent hosts;
};

struct ks_scan {
	siphash_key_t key;
	struct ks_scan_stranger stranger[KS_SCAN_STRANGERS];
	struct ks_scan_source source[KS_SCAN_SETS][KS_SCAN_WAYS];
};

/* What is a scan, for one who asks. */
struct ks_scan_rule {
	u32 ports;		/* distinct ones within the window; at most KS_SCAN_KEPT */
	u32 hosts;		/* or so many hosts; 0: hosts do not matter */
	u64 window;		/* ns */
	u64 since;		/* what was told before was told to somebody else */
};

struct ks_scan_report {
	u64 first;
	u64 last;
	u64 packets;
	u32 ports;		/* there were at least so many since first */
	u32 hosts;		/* likewise, at most KS_SCAN_KEPT */
	u32 sample_count;
	u16 sample[KS_SCAN_KEPT];	/* ports, the last ones */
};

/* Of a source and a kind; nobody who does not know the key can tell which collide. */
u64 ks_scan_hash(const struct ks_scan *scan, const struct ks_packet *packet, u32 net_ns);

/*
 * Counts a packet, whose hash is given, at a time in ns; window: the longest that
 * anybody asks for.  NULL: its source has tried no second port or host yet.
 */
struct ks_scan_source *ks_scan_count(struct ks_scan *scan, u64 hash,
				     const struct ks_packet *packet, u64 window, u64 now);
/* The source again, when the lock was given up meanwhile; NULL: it has lost its place. */
struct ks_scan_source *ks_scan_find(struct ks_scan *scan, u64 hash);

/*
 * true: what it does is a scan by this rule, and asker, a number below
 * KS_SCAN_ASKERS, is told now: not again before a window has passed.
 */
bool ks_scan_tell(struct ks_scan_source *source, u32 asker, const struct ks_scan_rule *rule,
		  u64 now);
/* What is told. */
void ks_scan_report(const struct ks_scan_source *source, u64 window, u64 now,
		    struct ks_scan_report *report);

#endif /* KS_SCAN_DETECT_H */
