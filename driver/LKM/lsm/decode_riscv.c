// SPDX-License-Identifier: GPL-2.0-only
/*
 * riscv64: an address near the instruction (AUIPC), and an offset from it,
 * which an addition, a load or a jump has.  Instructions have two or four
 * bytes; longer ones are not known.  As on arm64 a register is followed to the
 * next instruction that may write it, or a call, in the order of addresses.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include "decode.h"

#define RV_REGISTERS	32
/* Of the registers a call keeps sp, gp, tp and s0 to s11. */
#define RV_KEPT		0x0ffc031cU

struct rv_state {
	u64 value[RV_REGISTERS];
	u32 known;			/* a bit each */
	u64 begin;			/* of the function */
	size_t size;
	struct ks_refs *refs;
};

static s64 rv_signed(u64 value, unsigned int bits)
{
	return (s64)(value << (64 - bits)) >> (64 - bits);
}

/* Some bits of an instruction, put where they belong. */
static u32 rv_bits(u32 insn, unsigned int from, unsigned int count, unsigned int to)
{
	return (insn >> from & ((1U << count) - 1)) << to;
}

static bool rv_knows(const struct rv_state *state, u32 reg)
{
	return state->known >> reg & 1;
}

/* x0 takes no value. */
static void rv_set(struct rv_state *state, u32 reg, bool known, u64 value)
{
	state->known &= ~(1U << reg);
	if (!known || !reg)
		return;
	state->known |= 1U << reg;
	state->value[reg] = value;
}

static void rv_refer(struct rv_state *state, size_t at, u32 base, s64 offset)
{
	if (rv_knows(state, base))
		ks_refs_add(state->refs, KS_REF_DATA, at, state->value[base] + offset);
}

static void rv_leave(struct rv_state *state, size_t at, u64 to, bool call)
{
	if (call)
		ks_refs_add(state->refs, KS_REF_CALL, at, to);
	else if (to - state->begin >= state->size)
		ks_refs_add(state->refs, KS_REF_JUMP, at, to);
}

/* Quadrant 0: loads and stores by a register, of x8 to x15. */
static void rv_short_memory(struct rv_state *state, u32 insn, size_t at)
{
	u32 base = 8 + (insn >> 7 & 7), target = 8 + (insn >> 2 & 7), form = insn >> 13;

	switch (form) {
	case 1:			/* C.FLD, C.LD, C.FSD, C.SD */
	case 3:
	case 5:
	case 7:
		rv_refer(state, at, base, rv_bits(insn, 10, 3, 3) | rv_bits(insn, 5, 2, 6));
		break;
	case 2:			/* C.LW, C.SW */
	case 6:
		rv_refer(state, at, base, rv_bits(insn, 10, 3, 3) | rv_bits(insn, 6, 1, 2) |
					  rv_bits(insn, 5, 1, 6));
		break;
	}
	if (form == 0 || form == 2 || form == 3 || form == 4)
		rv_set(state, target, false, 0);
}

/* Quadrant 1: arithmetic and branches. */
static void rv_short_branch(struct rv_state *state, u32 insn, size_t at)
{
	u32 far = rv_bits(insn, 12, 1, 11) | rv_bits(insn, 11, 1, 4) | rv_bits(insn, 9, 2, 8) |
		  rv_bits(insn, 8, 1, 10) | rv_bits(insn, 7, 1, 6) | rv_bits(insn, 6, 1, 7) |
		  rv_bits(insn, 3, 3, 1) | rv_bits(insn, 2, 1, 5);
	u32 near = rv_bits(insn, 12, 1, 8) | rv_bits(insn, 10, 2, 3) | rv_bits(insn, 5, 2, 6) |
		   rv_bits(insn, 3, 2, 1) | rv_bits(insn, 2, 1, 5);

	switch (insn >> 13) {
	case 4:			/* of x8 to x15 */
		rv_set(state, 8 + (insn >> 7 & 7), false, 0);
		break;
	case 5:			/* C.J */
		rv_leave(state, at, state->begin + at + rv_signed(far, 12), false);
		break;
	case 6:			/* C.BEQZ, C.BNEZ */
	case 7:
		rv_leave(state, at, state->begin + at + rv_signed(near, 9), false);
		break;
	default:
		rv_set(state, insn >> 7 & 0x1f, false, 0);
	}
}

/* Quadrant 2: loads by the stack pointer, moves, and jumps by a register. */
static void rv_short_move(struct rv_state *state, u32 insn, size_t at)
{
	u32 reg = insn >> 7 & 0x1f, other = insn >> 2 & 0x1f, form = insn >> 13;
	bool call = insn >> 12 & 1;

	if (form == 4 && !other && reg) {	/* C.JR, C.JALR */
		if (rv_knows(state, reg))
			rv_leave(state, at, state->value[reg], call);
		if (call)
			state->known &= RV_KEPT;
		return;
	}
	if (form == 0 || form == 2 || form == 3 || form == 4)
		rv_set(state, reg, false, 0);
}

static void rv_jump(struct rv_state *state, u32 insn, size_t at)
{
	u32 target = insn >> 7 & 0x1f, base = insn >> 15 & 0x1f;
	u64 here = state->begin + at;
	u32 distance;

	if ((insn & 0x7f) == 0x6f) {		/* JAL */
		distance = rv_bits(insn, 31, 1, 20) | rv_bits(insn, 12, 8, 12) |
			   rv_bits(insn, 20, 1, 11) | rv_bits(insn, 21, 10, 1);
		rv_leave(state, at, here + rv_signed(distance, 21), target);
	} else if (rv_knows(state, base)) {	/* JALR */
		rv_leave(state, at, state->value[base] + rv_signed(insn >> 20, 12), target);
	}
	if (target)
		state->known &= RV_KEPT;
}

static void rv_long(struct rv_state *state, u32 insn, size_t at)
{
	u32 target = insn >> 7 & 0x1f, base = insn >> 15 & 0x1f;
	s64 offset = rv_signed(insn >> 20, 12);
	u32 distance;

	switch (insn & 0x7f) {
	case 0x17:		/* AUIPC */
		rv_set(state, target, true,
		       state->begin + at + (s64)(s32)(insn & 0xfffff000));
		return;
	case 0x13:		/* ADDI, and others */
		if (insn >> 12 & 7)
			break;
		rv_refer(state, at, base, offset);
		rv_set(state, target, rv_knows(state, base), state->value[base] + offset);
		return;
	case 0x03:		/* loads */
		rv_refer(state, at, base, offset);
		break;
	case 0x07:		/* of floating-point registers, and vectors */
		rv_refer(state, at, base, 0);
		return;
	case 0x23:		/* stores */
	case 0x27:
		rv_refer(state, at, base, rv_signed((insn >> 25) << 5 | target, 12));
		return;
	case 0x2f:		/* atomic operations */
		rv_refer(state, at, base, 0);
		break;
	case 0x63:		/* branches */
		distance = rv_bits(insn, 31, 1, 12) | rv_bits(insn, 7, 1, 11) |
			   rv_bits(insn, 25, 6, 5) | rv_bits(insn, 8, 4, 1);
		rv_leave(state, at, state->begin + at + rv_signed(distance, 13), false);
		return;
	case 0x67:
	case 0x6f:
		rv_jump(state, insn, at);
		return;
	}
	/* Whatever else may have a target has it there. */
	rv_set(state, target, false, 0);
}

size_t ks_decode_riscv(const u8 *code, size_t size, u64 address, struct ks_refs *refs)
{
	struct rv_state state = { .begin = address, .size = size, .refs = refs };
	size_t at = 0;
	u16 half;
	u32 insn;

	while (at + sizeof(half) <= size) {
		memcpy(&half, code + at, sizeof(half));
		if ((half & 3) == 3) {
			/* Of more bytes, or cut. */
			if ((half & 0x1c) == 0x1c || at + sizeof(insn) > size)
				break;
			memcpy(&insn, code + at, sizeof(insn));
			rv_long(&state, insn, at);
			at += sizeof(insn);
			continue;
		}
		/* Never an instruction. */
		if (!half)
			break;
		if ((half & 3) == 0)
			rv_short_memory(&state, half, at);
		else if ((half & 3) == 1)
			rv_short_branch(&state, half, at);
		else
			rv_short_move(&state, half, at);
		at += sizeof(half);
	}
	return at;
}
