/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The protocol between ksonde.ko and its readers.
 *
 * An open file of /dev/ksonde is a session.  A reader
 *
 *   1. asks INFO and SCHEMA (both work at any time),
 *   2. sets what it wants: SET_EVENTS, SET_FILTER, SET_RULES, SET_LIMITS,
 *      SET_PORT_SCAN, SET_RING,
 *   3. says START, which allocates one ring per possible CPU and arms probes,
 *   4. maps the rings (or calls read(2)), waits with poll(2),
 *   5. says STOP, or just closes the file.
 *
 * All integers are in the machine's byte order (every supported machine is
 * little-endian).  Structures only ever grow at their end; every ioctl
 * argument begins with its size as the caller knows it.  A longer structure
 * whose unknown tail is zero is accepted, else the call fails with E2BIG; a
 * shorter one is taken as if its tail were zero.  Unknown flags and non-zero
 * reserved fields fail with EINVAL.
 */
#ifndef _UAPI_KSONDE_H
#define _UAPI_KSONDE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KSONDE_DEVICE_NAME	"ksonde"

/* Bumped when an existing structure or rule of this file changes meaning. */
#define KSONDE_ABI		1
#define KSONDE_SCHEMA		2 /* bumped when an event is added, or gets a field */

/* ------------------------------------------------------------ records -- */

#define KSONDE_F_TRUNCATED	0x0001 /* a string or list was cut */
#define KSONDE_F_COMPAT		0x0002 /* the task made a 32-bit system call */
#define KSONDE_F_REREAD		0x0004 /* user memory was read again, after the kernel */
#define KSONDE_F_KTHREAD	0x0008 /* the task is a kernel thread */
#define KSONDE_F_UNCACHED	0x0010 /* the process cache did not know the task */
#define KSONDE_F_IRQ		0x0020 /* recorded in interrupt context: the task is a bystander */
/* Of the files that an event is about: not of cwd, exe and the targets of descriptors. */
#define KSONDE_F_OUTSIDE	0x0040 /* a path is not below the root that the process has */
#define KSONDE_F_DELETED	0x0080 /* a path that was: the name is gone, the file is not */
#define KSONDE_F_OVERLAY	0x0100 /* a path is on an overlay file system */

/*
 * Head of every record.  Records begin at multiples of 8 bytes; length is
 * the distance to the next one.
 */
struct ksonde_header {
	__u32 length;	/* bytes, this header included, multiple of 8 */
	__u16 event;	/* id of the event */
	__u16 flags;	/* KSONDE_F_* */
	__u32 cpu;	/* CPU it was recorded on, and whose ring holds it */
	__u32 hook;	/* index of the hook that recorded it (KSONDE_IOC_HOOK); ~0: none */
	/*
	 * Per CPU and session, from 0.  What was lost used its numbers up; a LOST
	 * record has that of the record behind it, and stands where the gap is (of
	 * what was withheld: up to a second later).
	 */
	__u64 seq;
	__u64 time;	/* CLOCK_BOOTTIME, ns */
	/* Fields without a value: bit i: the i-th of the context, 32 + i: of the event. */
	__u64 absent;
};

/*
 * A string, a vector or a list: where it lies in its record.  offset counts
 * from the record's first byte and is 0 where there is nothing; length is in
 * bytes.  A string is not NUL-terminated.  A vector is a run of strings each
 * closed by one NUL byte (which no element can hold); the last one lacks it
 * where the record is truncated.  A list is a run of fixed-size structures.
 */
struct ksonde_ref {
	__u16 offset;
	__u16 length;
};

/* An element of the list of ancestors, the parent first. */
struct ksonde_ancestor {
	__u64 start_time;	/* CLOCK_BOOTTIME, ns */
	__u32 tgid;
	__u32 reserved;
	__u8 comm[16];
};

#define KSONDE_RECORD_MAX	32768	/* bytes, a record's greatest length */
#define KSONDE_VECTOR_MAX	8192	/* bytes of an argument vector that are kept */
#define KSONDE_STRING_MAX	4096	/* bytes of one string that are kept (PATH_MAX) */
#define KSONDE_ANCESTORS_MAX	12	/* ancestors that are kept */

/* ------------------------------------------------------------- ioctls -- */

#define KSONDE_IOC_MAGIC	0xb5
#define KSONDE_IOC_INFO		_IO(KSONDE_IOC_MAGIC, 0)
#define KSONDE_IOC_SCHEMA	_IO(KSONDE_IOC_MAGIC, 1)
#define KSONDE_IOC_HOOK		_IO(KSONDE_IOC_MAGIC, 2)
#define KSONDE_IOC_SET_EVENTS	_IO(KSONDE_IOC_MAGIC, 3)
#define KSONDE_IOC_SET_FILTER	_IO(KSONDE_IOC_MAGIC, 4)
#define KSONDE_IOC_SET_RING	_IO(KSONDE_IOC_MAGIC, 5)
#define KSONDE_IOC_START	_IO(KSONDE_IOC_MAGIC, 6) /* argument must be 0 */
#define KSONDE_IOC_STOP		_IO(KSONDE_IOC_MAGIC, 7) /* argument must be 0 */
#define KSONDE_IOC_STATS	_IO(KSONDE_IOC_MAGIC, 8)
#define KSONDE_IOC_EVENT_STATS	_IO(KSONDE_IOC_MAGIC, 9)
#define KSONDE_IOC_CPU_STATS	_IO(KSONDE_IOC_MAGIC, 10)
#define KSONDE_IOC_SET_RULES	_IO(KSONDE_IOC_MAGIC, 11)
#define KSONDE_IOC_RULE_STATS	_IO(KSONDE_IOC_MAGIC, 12)
#define KSONDE_IOC_SET_LIMITS	_IO(KSONDE_IOC_MAGIC, 13)
#include "ksonde_inspect.h"	/* KSONDE_IOC_INSPECT, 14 */
#define KSONDE_IOC_SET_PORT_SCAN _IO(KSONDE_IOC_MAGIC, 15)

/* INFO: what this driver is. */
struct ksonde_info {
	__u32 size;
	__u32 abi;		/* KSONDE_ABI of the driver */
	__u32 schema;		/* KSONDE_SCHEMA of the driver */
	__u32 cpus;		/* possible CPUs: as many rings per session */
	__u32 page_size;	/* bytes */
	__u32 sessions;		/* open now */
	__u32 max_sessions;
	__u32 hooks;		/* rows that KSONDE_IOC_HOOK knows */
	__u64 ring_min;		/* bytes a CPU */
	__u64 ring_max;
	__u64 cache_bytes;	/* of the process cache, while a session is started */
	__u64 cache_misses;	/* tasks that it did not know, since load */
	__u8 version[32];	/* of the module, NUL-padded */
};

/*
 * SCHEMA: copies the schema's text (JSON, not NUL-terminated) to buffer.
 * needed is always set; ENOSPC when length was less.
 */
struct ksonde_schema {
	__u32 size;
	__u32 length;		/* in: bytes at buffer; out: bytes written */
	__u64 buffer;		/* user address */
	__u32 needed;		/* out: bytes of the whole text */
	__u32 reserved;
};

enum ksonde_hook_state {
	KSONDE_HOOK_IDLE = 0,		/* nobody wants it */
	KSONDE_HOOK_ARMED = 1,		/* by its first candidate, or first but for FEXIT */
	KSONDE_HOOK_DEGRADED = 2,	/* by a later candidate; detail says why */
	KSONDE_HOOK_UNAVAILABLE = 3,	/* no candidate works here; detail says why */
	KSONDE_HOOK_DISARMED = 4,	/* by the governor, for a while: it costs too much */
};

/* Mechanism of a hook's candidate. */
enum ksonde_mechanism {
	KSONDE_MECH_NONE = 0,
	KSONDE_MECH_TRACEPOINT = 1,
	KSONDE_MECH_FTRACE = 2,
	KSONDE_MECH_KPROBE = 3,
	KSONDE_MECH_KRETPROBE = 4,
	KSONDE_MECH_SYSCALL = 5,	/* kretprobes on the named system calls' functions */
	KSONDE_MECH_SYS_EXIT = 6,	/* the global sys_exit tracepoint, dispatched */
	KSONDE_MECH_NOTIFIER = 7,	/* a chain of the kernel's own notifications */
	KSONDE_MECH_NETFILTER = 8,	/* packets, in every network namespace */
	KSONDE_MECH_FEXIT = 9,		/* the function calls us instead, and we its body */
};

/* HOOK: one row of the hook table; index is the input, ENOENT past the end. */
struct ksonde_hook_info {
	__u32 size;
	__u32 index;
	__u32 event;		/* the event that it records; 0: none (bookkeeping) */
	__u32 state;		/* enum ksonde_hook_state */
	__u32 mechanism;	/* enum ksonde_mechanism, taken when last armed */
	__u32 users;		/* sessions that want it */
	__u64 hits;		/* since load */
	__u64 missed;		/* hits the mechanism itself could not deliver */
	__u64 timed_hits;	/* of hits, how many were timed (one in 64) */
	__u64 timed_ns;		/* ns that those took */
	__u8 name[32];		/* NUL-padded */
	__u8 target[64];	/* what was taken: symbol or tracepoint, NUL-padded */
	__u8 detail[512];	/* a line a candidate: taken, or why not; NUL-padded */
	__u64 cost;		/* ns that it took in the last second, as far as was measured */
	__u32 keep;		/* of its records one of so many is kept; 0: all, ~0: none */
	__u32 reserved;
};

/* SET_EVENTS: the events wanted; bit n of mask[n / 64].  EBUSY when started. */
#define KSONDE_EVENT_MAX	1024
struct ksonde_events {
	__u32 size;
	__u32 reserved;
	__u64 mask[KSONDE_EVENT_MAX / 64];
};

/* SET_FILTER: what not to record.  Takes effect at once. */
#define KSONDE_FILTER_SKIP_TGID	0x1	/* nothing of process skip_tgid */
#define KSONDE_FILTER_TREE	0x2	/* only of tree_tgid and what it starts from now on */
struct ksonde_filter {
	__u32 size;
	__u32 flags;		/* KSONDE_FILTER_* */
	__u32 skip_tgid;	/* in the initial pid namespace */
	__u32 tree_tgid;	/* likewise; ESRCH when there is no such process */
};

#include "ksonde_rules.h"	/* KSONDE_IOC_SET_RULES, RULE_STATS, SET_PORT_SCAN */

/*
 * SET_LIMITS: how many records of an event a second, of all tasks of this
 * session together and of each process (tgid) apart: so many at once, then one
 * as soon as its share of a second has passed.  One more is withheld: lost
 * (KSONDE_DROP_RATE_LIMIT), told once a second for each event and CPU.  Counted
 * is what filter and rules let through; the outcome of a connect is told when
 * its call was.  KSONDE_LIMIT_PROCESSES pairs of event and process are known at
 * once; one that is forgotten begins anew: more is recorded then, never less.
 * The limits replace all there were; when the call fails those stay.
 */
#define KSONDE_LIMITS_MAX	64
#define KSONDE_LIMIT_MAX	100000	/* records a second */
#define KSONDE_LIMIT_PROCESSES	256

struct ksonde_limit {
	__u32 event;		/* each once; LOST and SESSION_STATE cannot be limited */
	__u32 per_second;	/* records; 0: no limit */
	__u32 per_process;	/* likewise, of each process; not both are 0 */
	__u32 reserved;
};

struct ksonde_limits {
	__u32 size;
	__u32 count;		/* at most KSONDE_LIMITS_MAX, else E2BIG */
	__u64 limits;		/* user address of the first */
	__u32 limit_size;	/* sizeof(struct ksonde_limit) as the caller knows it */
	__u32 reserved;
};

/* SET_RING.  EBUSY when started. */
enum ksonde_ring_mode {
	KSONDE_RING_LOSSLESS_COUNT = 0,		/* a full ring drops the new record and counts it */
	KSONDE_RING_FLIGHT_RECORDER = 1,	/* it overwrites the oldest; STOP, then read */
};

struct ksonde_ring_setup {
	__u32 size;
	__u32 mode;		/* enum ksonde_ring_mode */
	__u64 bytes;		/* a CPU: a power of two from ring_min to ring_max */
	__u64 watermark;	/* bytes a CPU that wake the reader at once; 0: a quarter */
	__u64 latency_ns;	/* and the longest that a record waits; 0: 10 ms; at most 1 s */
};

/* Why a record was not delivered. */
enum ksonde_drop_reason {
	KSONDE_DROP_FULL = 0,		/* no room in the ring */
	KSONDE_DROP_NESTED = 1,		/* too many probes nested on one CPU */
	KSONDE_DROP_OVERWRITTEN = 2,	/* flight recorder: made room for a newer one */
	KSONDE_DROP_MISSED = 3,		/* no free instance (kretprobe), or place (outcome) */
	KSONDE_DROP_RATE_LIMIT = 4,	/* withheld: more than SET_LIMITS allows */
	KSONDE_DROP_GOVERNOR = 5,	/* withheld: its hook costs too much, see SESSION_STATE */
	KSONDE_DROP_REASONS = 6,
	KSONDE_DROP_PLACES = 8,		/* room for them in what follows */
};

/*
 * STATS: the session's sums since START, LOST records apart.
 * produced = delivered + all that was dropped, but OVERWRITTEN: delivered, too.
 */
struct ksonde_stats {
	__u32 size;
	__u32 started;		/* 0, 1 */
	__u64 produced;		/* records that passed the filters */
	__u64 delivered;	/* of those, put into a ring */
	__u64 dropped[KSONDE_DROP_PLACES];
	__u64 filtered;		/* held back by the filters */
	__u64 lost_records;	/* LOST records put into a ring, not counted in produced */
	__u64 wakeups;		/* of the reader */
};

/* EVENT_STATS: the same for one event; event is the input. */
struct ksonde_event_stats {
	__u32 size;
	__u32 event;
	__u64 produced;
	__u64 delivered;
	__u64 dropped[KSONDE_DROP_PLACES];
};

/* CPU_STATS: one ring; cpu is the input.  ENOENT for a CPU that cannot be. */
struct ksonde_cpu_stats {
	__u32 size;
	__u32 cpu;
	__u64 head;		/* as in struct ksonde_control */
	__u64 position;		/* the reader's, as the driver believes it */
	__u64 bytes;		/* the ring's size */
	__u64 dropped;		/* records */
};

/* --------------------------------------------------------------- mmap -- */

/*
 * What mmap(2) maps is told by its offset: KSONDE_MMAP_OFFSET(region, cpu).
 * Rings exist from START until the file is closed or started again; EINVAL
 * before.  MAP_SHARED only.  A session is read through its mappings or by
 * read(2), never both: the second way fails with EBUSY.
 */
enum ksonde_region {
	KSONDE_REGION_CONTROL = 0,	/* one page, read-only: struct ksonde_control */
	KSONDE_REGION_POSITION = 1,	/* one page, read-write: struct ksonde_position */
	KSONDE_REGION_DATA = 2,		/* the ring twice in a row, read-only */
};

#define KSONDE_MMAP_OFFSET(region, cpu) \
	(((__u64)(region) << 56) | ((__u64)(cpu) << 40))

/*
 * Positions count bytes ever written, are never wrapped, and are taken modulo
 * bytes to index the data.  The driver keeps its own; these are copies.
 * Records lie in [max(position, oldest), head).
 */
struct ksonde_control {
	__u64 head;		/* end of the last whole record; read with acquire */
	__u64 oldest;		/* flight recorder: begin of the oldest whole record */
	__u64 bytes;		/* the ring's size */
	__u64 dropped;		/* records dropped on this CPU */
};

/*
 * Where the reader is; it writes that with release, behind what it has used.
 * What is not possible the driver takes as if it had not been written.
 */
struct ksonde_position {
	__u64 position;
};

#endif /* _UAPI_KSONDE_H */
