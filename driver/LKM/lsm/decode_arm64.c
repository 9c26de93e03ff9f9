// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm64: a page's address (ADRP) and an offset in it, which an addition or a
 * load has, make the address of something; branches have theirs in themselves.
 * All instructions have four bytes.  What is in a register is known from the
 * instruction that put it there to the next that may write it, or a call, in
 * the order of addresses: jumps are not followed, so that a reference can be
 * wrong where two ways meet.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include "decode.h"

#define ARM64_SIZE	4
#define ARM64_REGISTERS	32

struct arm64_state {
	u64 page[ARM64_REGISTERS];
	bool known[ARM64_REGISTERS];
};

static s64 arm64_signed(u64 value, unsigned int bits)
{
	return (s64)(value << (64 - bits)) >> (64 - bits);
}

/* An offset that is added to what is in the second register; false: another instruction. */
static bool arm64_offset(u32 insn, u32 *offset)
{
	u32 imm = (insn >> 10) & 0xfff;

	/* ADD (immediate), 64 bits. */
	if ((insn & 0xff800000) == 0x91000000) {
		*offset = insn & 0x00400000 ? imm << 12 : imm;
		return true;
	}
	/* Loads and stores of 1, 2, 4 or 8 bytes, unsigned offset. */
	if ((insn & 0x3f000000) == 0x39000000) {
		*offset = imm << (insn >> 30);
		return true;
	}
	return false;
}

static bool arm64_branch(u32 insn, s64 *distance, bool *call)
{
	*call = false;
	if ((insn & 0x7c000000) == 0x14000000) {		/* B, BL */
		*distance = arm64_signed(insn & 0x03ffffff, 26) * 4;
		*call = insn >> 31;
		return true;
	}
	if ((insn & 0xff000000) == 0x54000000 ||		/* B.cond, BC.cond */
	    (insn & 0x7e000000) == 0x34000000) {		/* CBZ, CBNZ */
		*distance = arm64_signed((insn >> 5) & 0x7ffff, 19) * 4;
		return true;
	}
	if ((insn & 0x7e000000) == 0x36000000) {		/* TBZ, TBNZ */
		*distance = arm64_signed((insn >> 5) & 0x3fff, 14) * 4;
		return true;
	}
	return false;
}

static void arm64_insn(u32 insn, u64 at, size_t offset, size_t size, struct arm64_state *state,
		       struct ks_refs *refs)
{
	u32 target = insn & 31, base = (insn >> 5) & 31, add;
	s64 distance;
	bool call;

	if (arm64_branch(insn, &distance, &call)) {
		u64 to = at + distance;

		if (call)
			ks_refs_add(refs, KS_REF_CALL, offset, to);
		else if (to - (at - offset) >= size)
			ks_refs_add(refs, KS_REF_JUMP, offset, to);
		/* A call keeps 19 to 28 only. */
		if (call)
			memset(state->known, 0, 19 * sizeof(*state->known));
		return;
	}
	if ((insn & 0x9f000000) == 0x90000000) {		/* ADRP */
		u64 pages = ((insn >> 5) & 0x7ffff) << 2 | ((insn >> 29) & 3);

		state->page[target] = (at & ~0xfffull) + arm64_signed(pages, 21) * 4096;
		state->known[target] = target != 31;
		return;
	}
	if ((insn & 0x9f000000) == 0x10000000) {		/* ADR */
		u64 bytes = ((insn >> 5) & 0x7ffff) << 2 | ((insn >> 29) & 3);

		ks_refs_add(refs, KS_REF_DATA, offset, at + arm64_signed(bytes, 21));
	} else if (arm64_offset(insn, &add) && state->known[base]) {
		ks_refs_add(refs, KS_REF_DATA, offset, state->page[base] + add);
		/* A store writes no register. */
		if ((insn & 0x3fc00000) == 0x39000000)
			return;
	}
	/* Whatever else may have a target has it there. */
	state->known[target] = false;
}

size_t ks_decode_arm64(const u8 *code, size_t size, u64 address, struct ks_refs *refs)
{
	struct arm64_state state = { };
	size_t at;
	u32 insn;

	for (at = 0; at + ARM64_SIZE <= size; at += ARM64_SIZE) {
		memcpy(&insn, code + at, sizeof(insn));
		arm64_insn(insn, address + at, at, size, &state, refs);
	}
	return at;
}
