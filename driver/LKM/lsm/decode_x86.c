// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86-64: the lengths of instructions, and the addresses in them.  Known are
 * the one-byte opcodes and the maps 0F, 0F38 and 0F3A, as compilers make them
 * for kernels; VEX and EVEX are not.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include "decode.h"

/* What follows an opcode. */
#define X_NONE	0
#define X_M	0x01	/* ModRM */
#define X_I1	0x02	/* immediate of 1 byte */
#define X_I2	0x04	/* of 2 bytes */
#define X_IZ	0x08	/* of 4 bytes; of 2 with an operand-size prefix */
#define X_IV	0x10	/* as IZ; of 8 bytes with REX.W */
#define X_O8	0x20	/* an address of 8 bytes; of 4 with an address-size prefix */
#define X_R4	0x40	/* relative, of 4 bytes */
#define X_BAD	0x80

struct x86_range {
	u8 first;
	u8 last;
	u8 form;
};

/* What is not here is X_NONE. */
static const struct x86_range x86_one[] = {
	{ 0x06, 0x07, X_BAD }, { 0x0e, 0x0e, X_BAD }, { 0x16, 0x17, X_BAD },
	{ 0x1e, 0x1f, X_BAD }, { 0x27, 0x27, X_BAD }, { 0x2f, 0x2f, X_BAD },
	{ 0x37, 0x37, X_BAD }, { 0x3f, 0x3f, X_BAD }, { 0x60, 0x62, X_BAD },
	{ 0x63, 0x63, X_M }, { 0x68, 0x68, X_IZ }, { 0x69, 0x69, X_M | X_IZ },
	{ 0x6a, 0x6a, X_I1 }, { 0x6b, 0x6b, X_M | X_I1 }, { 0x70, 0x7f, X_I1 },
	{ 0x80, 0x80, X_M | X_I1 }, { 0x81, 0x81, X_M | X_IZ }, { 0x82, 0x82, X_BAD },
	{ 0x83, 0x83, X_M | X_I1 }, { 0x84, 0x8f, X_M }, { 0x9a, 0x9a, X_BAD },
	{ 0xa0, 0xa3, X_O8 }, { 0xa8, 0xa8, X_I1 }, { 0xa9, 0xa9, X_IZ },
	{ 0xb0, 0xb7, X_I1 }, { 0xb8, 0xbf, X_IV }, { 0xc0, 0xc1, X_M | X_I1 },
	{ 0xc2, 0xc2, X_I2 }, { 0xc4, 0xc5, X_BAD }, { 0xc6, 0xc6, X_M | X_I1 },
	{ 0xc7, 0xc7, X_M | X_IZ }, { 0xc8, 0xc8, X_I2 | X_I1 }, { 0xca, 0xca, X_I2 },
	{ 0xcd, 0xcd, X_I1 }, { 0xce, 0xce, X_BAD }, { 0xd0, 0xd3, X_M },
	{ 0xd4, 0xd6, X_BAD }, { 0xd8, 0xdf, X_M }, { 0xe0, 0xe7, X_I1 },
	{ 0xe8, 0xe9, X_R4 }, { 0xea, 0xea, X_BAD }, { 0xeb, 0xeb, X_I1 },
	{ 0xf6, 0xf7, X_M }, { 0xfe, 0xff, X_M },
};

static const struct x86_range x86_0f[] = {
	{ 0x00, 0x03, X_M }, { 0x04, 0x04, X_BAD }, { 0x0a, 0x0a, X_BAD },
	{ 0x0c, 0x0c, X_BAD }, { 0x0d, 0x0d, X_M }, { 0x0f, 0x0f, X_BAD },
	{ 0x10, 0x23, X_M }, { 0x24, 0x27, X_BAD }, { 0x28, 0x2f, X_M },
	{ 0x36, 0x36, X_BAD }, { 0x39, 0x39, X_BAD }, { 0x3b, 0x3f, X_BAD },
	{ 0x40, 0x6f, X_M }, { 0x70, 0x73, X_M | X_I1 }, { 0x74, 0x76, X_M },
	{ 0x78, 0x79, X_M }, { 0x7a, 0x7b, X_BAD }, { 0x7c, 0x7f, X_M },
	{ 0x80, 0x8f, X_R4 }, { 0x90, 0x9f, X_M }, { 0xa3, 0xa3, X_M },
	{ 0xa4, 0xa4, X_M | X_I1 }, { 0xa5, 0xa5, X_M }, { 0xa6, 0xa7, X_BAD },
	{ 0xab, 0xab, X_M }, { 0xac, 0xac, X_M | X_I1 }, { 0xad, 0xb9, X_M },
	{ 0xba, 0xba, X_M | X_I1 }, { 0xbb, 0xc1, X_M }, { 0xc2, 0xc2, X_M | X_I1 },
	{ 0xc3, 0xc3, X_M }, { 0xc4, 0xc6, X_M | X_I1 }, { 0xc7, 0xc7, X_M },
	{ 0xd0, 0xff, X_M },
};

struct x86_insn {
	const u8 *code;
	size_t size;		/* bytes there are */
	size_t at;		/* bytes read */
	u8 form;
	u8 opcode;
	bool escaped;		/* the opcode is one of 0F */
	bool operand16, address32, segment, wide;
	bool has_address;	/* a constant one in the ModRM's operand */
	bool relative;		/* it counts from the instruction's end */
	s32 displacement;
};

static u8 x86_form(const struct x86_range *ranges, size_t count, u8 opcode)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (opcode >= ranges[i].first && opcode <= ranges[i].last)
			return ranges[i].form;
	}
	return X_NONE;
}

static bool x86_byte(struct x86_insn *insn, u8 *byte)
{
	if (insn->at >= insn->size || insn->at >= 15)
		return false;
	*byte = insn->code[insn->at++];
	return true;
}

static bool x86_skip(struct x86_insn *insn, size_t bytes)
{
	if (bytes > insn->size - insn->at || insn->at + bytes > 15)
		return false;
	insn->at += bytes;
	return true;
}

static bool x86_s32(struct x86_insn *insn, s32 *value)
{
	if (!x86_skip(insn, sizeof(*value)))
		return false;
	memcpy(value, insn->code + insn->at - sizeof(*value), sizeof(*value));
	return true;
}

/* The prefixes, and the first byte of the opcode. */
static bool x86_prefixes(struct x86_insn *insn, u8 *byte)
{
	for (;;) {
		if (!x86_byte(insn, byte))
			return false;
		switch (*byte) {
		case 0x66:
			insn->operand16 = true;
			break;
		case 0x67:
			insn->address32 = true;
			break;
		case 0x64:
		case 0x65:
			insn->segment = true;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0xf0:
		case 0xf2:
		case 0xf3:
			break;
		default:
			/* REX counts only right before the opcode. */
			if ((*byte & 0xf0) != 0x40)
				return true;
			insn->wide = *byte & 8;
			return x86_byte(insn, byte) && (*byte & 0xf0) != 0x40;
		}
	}
}

static bool x86_opcode(struct x86_insn *insn)
{
	u8 byte;

	if (!x86_prefixes(insn, &byte))
		return false;
	insn->opcode = byte;
	if (byte != 0x0f) {
		/* The eight operations of arithmetic, which end in an immediate or not. */
		if (byte < 0x40 && (byte & 7) < 4)
			insn->form = X_M;
		else if (byte < 0x40 && (byte & 7) < 6)
			insn->form = byte & 1 ? X_IZ : X_I1;
		else
			insn->form = x86_form(x86_one, ARRAY_SIZE(x86_one), byte);
		return true;
	}
	insn->escaped = true;
	if (!x86_byte(insn, &insn->opcode))
		return false;
	if (insn->opcode == 0x38 || insn->opcode == 0x3a) {
		insn->form = insn->opcode == 0x38 ? X_M : X_M | X_I1;
		return x86_byte(insn, &byte);
	}
	insn->form = x86_form(x86_0f, ARRAY_SIZE(x86_0f), insn->opcode);
	return true;
}

static bool x86_modrm(struct x86_insn *insn)
{
	u8 modrm, sib = 0, mod, rm;

	if (!x86_byte(insn, &modrm))
		return false;
	mod = modrm >> 6;
	rm = modrm & 7;
	/* TEST is the one of its group that has an immediate. */
	if (!insn->escaped && (insn->opcode & 0xfe) == 0xf6 && !(modrm & 0x30))
		insn->form |= insn->opcode == 0xf6 ? X_I1 : X_IZ;
	/* Moves from and to control and debug registers know no memory. */
	if (mod == 3 || (insn->escaped && (insn->opcode & 0xfc) == 0x20))
		return true;
	if (rm == 4 && !x86_byte(insn, &sib))
		return false;
	if (mod == 1)
		return x86_skip(insn, 1);
	if (mod == 2)
		return x86_skip(insn, 4);
	if (rm != 5 && (rm != 4 || (sib & 7) != 5))
		return true;
	insn->relative = rm == 5;
	insn->has_address = rm == 5 || (sib & 0x38) == 0x20;
	return x86_s32(insn, &insn->displacement);
}

static bool x86_immediate(struct x86_insn *insn)
{
	size_t bytes = 0;

	if (insn->form & X_I1)
		bytes += 1;
	if (insn->form & X_I2)
		bytes += 2;
	if (insn->form & X_IV && insn->wide)
		bytes += 8;
	else if (insn->form & (X_IV | X_IZ))
		bytes += insn->operand16 && !insn->wide ? 2 : 4;
	if (insn->form & X_O8)
		bytes += insn->address32 ? 4 : 8;
	return x86_skip(insn, bytes);
}

size_t ks_decode_x86(const u8 *code, size_t size, u64 address, struct ks_refs *refs)
{
	size_t at = 0;

	while (at < size) {
		struct x86_insn insn = { .code = code + at, .size = size - at };
		s32 distance = 0;
		bool jumps;
		u64 next;

		if (!x86_opcode(&insn) || insn.form & X_BAD)
			return at;
		if (insn.form & X_M && !x86_modrm(&insn))
			return at;
		jumps = insn.form & X_R4;
		if (jumps ? !x86_s32(&insn, &distance) : !x86_immediate(&insn))
			return at;
		next = address + at + insn.at;
		if (jumps && !insn.escaped && insn.opcode == 0xe8)
			ks_refs_add(refs, KS_REF_CALL, at, next + distance);
		else if (jumps && next + distance - address >= size)
			ks_refs_add(refs, KS_REF_JUMP, at, next + distance);
		/* With a segment it is a place of this CPU or task, not an address. */
		if (insn.has_address && !insn.segment)
			ks_refs_add(refs, KS_REF_DATA, at,
				    insn.displacement + (insn.relative ? next : 0));
		at += insn.at;
	}
	return at;
}
