/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the first instructions of a function lead: those that a tracer, or
 * somebody who wants to be called instead, can have put there.  Plain functions
 * over bytes, compiled on the host as well, as ../lsm/decode.h.
 */
#ifndef KS_ENTRY_H
#define KS_ENTRY_H

#include <linux/types.h>

enum ks_leave_kind {
	KS_LEAVE_JUMP,
	KS_LEAVE_CALL,
	KS_LEAVE_THROUGH,	/* a jump to where a pointer leads that lies at the address */
};

struct ks_leave {
	u64 address;
	u32 offset;		/* of the instruction, from the function's begin */
	u32 kind;		/* enum ks_leave_kind */
};

/* Of an entry: the tracer's call, and what comes behind it. */
#define KS_LEAVES	2
/* Bytes that are looked at. */
#define KS_ENTRY_SIZE	64

/* How many of leaves were set: what leaves the function before anything else is done there. */
unsigned int ks_entry_x86(const u8 *code, size_t size, u64 address, struct ks_leave *leaves);
unsigned int ks_entry_arm64(const u8 *code, size_t size, u64 address, struct ks_leave *leaves);
unsigned int ks_entry_riscv(const u8 *code, size_t size, u64 address, struct ks_leave *leaves);

#endif /* KS_ENTRY_H */
