/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What a session records of whom, and what it calls a scan of ports.  A part of
 * ksonde.h, which includes it.
 */
#ifndef _UAPI_KSONDE_RULES_H
#define _UAPI_KSONDE_RULES_H

#include <linux/types.h>

/*
 * SET_RULES: what to record of whom, beside SET_FILTER.  A record of a task is
 * held back when
 *
 *   - an exclude rule matches, or
 *   - there are include rules for its event, and none of them matches.
 *
 * What a rule asks is compared with what the record would say of the task that
 * acts: its own fields uid, tgid and start_time, exe, mnt_ns, pid_ns, cgroup.
 * Where that cannot be known (an exe too long for the process cache, the
 * namespaces of a task that has given them up) the record is not held back by
 * this rule.  A task without an exe (a kernel thread) has none to match.
 *
 * The path of the file that was closed is asked for by rules of
 * FILE_CREATED_CLOSED, FILE_WRITE and FILE_READ only, else EINVAL.  The last two
 * are recorded only of what an include rule names so.
 *
 * The network of an address is asked for by rules of ACCEPT, BIND, CONNECT,
 * DNS_QUERY and PORT_SCAN only, else EINVAL.  The address is that of the other end,
 * of BIND the one that was asked for.  An IPv6 address that is a mapped IPv4 one is
 * taken for that.  What has no such address (a UNIX socket) lies in no network.
 *
 * The rules given replace all there were, count 0: with none.  It takes effect
 * at once and as a whole: each record is judged by the old rules or by the new
 * ones, and by the new ones only when the call is back.  When it fails the
 * old ones stay.  LOST and SESSION_STATE are never held back.  In PORT_SCAN nobody
 * acts: what a rule asks of the task is not known there.
 */
#define KSONDE_RULES_MAX	64
#define KSONDE_RULE_EXE_MAX	256

enum ksonde_rule_action {
	KSONDE_RULE_EXCLUDE = 0,
	KSONDE_RULE_INCLUDE = 1,
};

/* What a rule asks; all of it must hold, and nothing always does. */
#define KSONDE_MATCH_UID	0x01 /* real user id, initial user namespace */
#define KSONDE_MATCH_PROCESS	0x02 /* tgid and start_time: one process */
#define KSONDE_MATCH_EXE	0x04 /* the whole exe, byte for byte */
#define KSONDE_MATCH_EXE_PREFIX	0x08 /* how it begins; not together with the whole */
#define KSONDE_MATCH_MNT_NS	0x10
#define KSONDE_MATCH_PID_NS	0x20
#define KSONDE_MATCH_CGROUP	0x40 /* EOPNOTSUPP where the kernel has none */
#define KSONDE_MATCH_PATH_PREFIX 0x80 /* how the path of the closed file begins */
#define KSONDE_MATCH_NETWORK	0x100 /* the address lies in it */

struct ksonde_rule {
	__u32 action;		/* enum ksonde_rule_action */
	__u32 match;		/* KSONDE_MATCH_*; what is not asked is 0 */
	__u64 start_time;	/* of a process, CLOCK_BOOTTIME, ns */
	__u64 cgroup;
	__u32 tgid;		/* in the initial pid namespace */
	__u32 uid;
	__u32 mnt_ns;		/* inode numbers */
	__u32 pid_ns;
	__u32 exe_length;	/* bytes, without a NUL, from 1 */
	__u32 path_length;	/* likewise */
	__u64 events[KSONDE_EVENT_MAX / 64];	/* as of SET_EVENTS; all 0: every event */
	__u8 exe[KSONDE_RULE_EXE_MAX];		/* the rest is 0 */
	__u8 path[KSONDE_RULE_EXE_MAX];		/* likewise */
	__u32 family;		/* of the network: AF_INET or AF_INET6 */
	__u32 prefix;		/* bits of it that count */
	__u8 network[16];	/* IPv4: the first 4 bytes; what does not count is 0 */
};

struct ksonde_rules {
	__u32 size;
	__u32 count;		/* at most KSONDE_RULES_MAX, else E2BIG */
	__u64 rules;		/* user address of the first */
	__u32 rule_size;	/* sizeof(struct ksonde_rule) as the caller knows it */
	__u32 reserved;
};

/*
 * RULE_STATS: since SET_RULES, and on; index is the input, in the order of
 * SET_RULES, ENOENT past the end.  A record is counted once, by the first rule
 * that decides: an exclude rule, else an include rule.
 */
#define KSONDE_RULE_NONE	0xffffffff /* index: records that no include rule matched */
struct ksonde_rule_stats {
	__u32 size;
	__u32 index;
	__u64 records;		/* held back; of an include rule: let through */
};

/*
 * SET_PORT_SCAN: of how many ports, or hosts, within how many seconds a scan is
 * made for this session.  What is not set is as the module's parameters scan_ports,
 * scan_hosts, scan_window and scan_loopback have it (and 0 here).  Replaces what was
 * set before, at once and as a whole.  Who scans meanwhile is told anew.
 */
#define KSONDE_PORT_SCAN_PORTS		0x1
#define KSONDE_PORT_SCAN_HOSTS		0x2
#define KSONDE_PORT_SCAN_WINDOW		0x4
#define KSONDE_PORT_SCAN_LOOPBACK	0x8

#define KSONDE_PORT_SCAN_KEPT		32 /* ports and hosts that are known of a source */
#define KSONDE_PORT_SCAN_WINDOW_MAX	86400 /* seconds */

struct ksonde_port_scan {
	__u32 size;
	__u32 set;		/* KSONDE_PORT_SCAN_*: what of the following is */
	__u32 ports;		/* distinct ones, from 2 to KSONDE_PORT_SCAN_KEPT */
	__u32 hosts;		/* likewise; or 0: hosts do not matter */
	__u32 window;		/* seconds, from 1 to KSONDE_PORT_SCAN_WINDOW_MAX */
	__u32 loopback;		/* 1: packets of this host to itself count, too; 0 */
};

#endif /* _UAPI_KSONDE_RULES_H */
