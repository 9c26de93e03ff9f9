// SPDX-License-Identifier: GPL-2.0-only
/* arm64: the ways to leave a function at its begin. */
#include <linux/kernel.h>
#include <linux/string.h>
#include "entry.h"

#define A64_NOP		0xd503201f
#define A64_PACIASP	0xd503233f
#define A64_MOV_X9_LR	0xaa1e03e9

static bool entry_word(const u8 *code, size_t size, size_t at, u32 *word)
{
	if (at > size || sizeof(*word) > size - at)
		return false;
	memcpy(word, code + at, sizeof(*word));
	return true;
}

static s64 entry_signed(u32 value, unsigned int bits)
{
	return (s64)((u64)value << (64 - bits)) >> (64 - bits);
}

static bool entry_idle(u32 word)
{
	/* BTI with any of its targets. */
	return word == A64_NOP || word == A64_PACIASP || word == A64_MOV_X9_LR ||
	       (word & 0xffffff3f) == 0xd503241f;
}

/* movz, movk, ... of one register. */
static bool entry_constant(const u8 *code, size_t size, size_t *at, u32 reg, u64 *value)
{
	unsigned int shift;
	u32 word;
	bool first = true;

	while (entry_word(code, size, *at, &word) && (word & 0x1f) == reg) {
		shift = (word >> 21 & 3) * 16;
		/* movn is how the begin of a kernel's address is made. */
		if (first && (word & 0xff800000) == 0xd2800000)
			*value = (u64)(word >> 5 & 0xffff) << shift;
		else if (first && (word & 0xff800000) == 0x92800000)
			*value = ~((u64)(word >> 5 & 0xffff) << shift);
		else if (!first && (word & 0xff800000) == 0xf2800000)
			*value = (*value & ~(0xffffull << shift)) |
				 (u64)(word >> 5 & 0xffff) << shift;
		else
			break;
		first = false;
		*at += sizeof(word);
	}
	return !first;
}

/* An address in a register, and a jump by it. */
static bool entry_register(const u8 *code, size_t size, u64 address, struct ks_leave *leave)
{
	u32 first, add, branch, reg;
	size_t at = leave->offset;
	u64 pages;

	if (!entry_word(code, size, at, &first))
		return false;
	reg = first & 0x1f;
	if ((first & 0xff000000) == 0x58000000) {
		leave->kind = KS_LEAVE_THROUGH;
		leave->address = address + at + entry_signed(first >> 5 & 0x7ffff, 19) * 4;
		at += 4;
	} else if ((first & 0x9f000000) == 0x90000000) {
		pages = entry_signed((first >> 5 & 0x7ffff) << 2 | (first >> 29 & 3), 21) * 4096;
		if (!entry_word(code, size, at + 4, &add) ||
		    (add & 0xffc00000) != 0x91000000 || (add & 0x1f) != reg ||
		    (add >> 5 & 0x1f) != reg)
			return false;
		leave->address = ((address + at) & ~4095ull) + pages + (add >> 10 & 0xfff);
		at += 8;
	} else if (!entry_constant(code, size, &at, reg, &leave->address)) {
		return false;
	}
	return entry_word(code, size, at, &branch) && branch == (0xd61f0000 | reg << 5);
}

unsigned int ks_entry_arm64(const u8 *code, size_t size, u64 address, struct ks_leave *leaves)
{
	unsigned int count = 0;
	size_t at;
	u32 word;

	for (at = 0; count < KS_LEAVES && entry_word(code, size, at, &word); at += sizeof(word)) {
		struct ks_leave *leave = &leaves[count];

		if (entry_idle(word))
			continue;
		leave->offset = at;
		leave->kind = word >> 31 ? KS_LEAVE_CALL : KS_LEAVE_JUMP;
		leave->address = address + at + entry_signed(word & 0x3ffffff, 26) * 4;
		if ((word & 0x7c000000) == 0x14000000) {
			count++;
			if (leave->kind == KS_LEAVE_CALL)
				continue;
			break;
		}
		leave->kind = KS_LEAVE_JUMP;
		return count + entry_register(code, size, address, leave);
	}
	return count;
}
