// SPDX-License-Identifier: GPL-2.0-only
/* riscv64: the ways to leave a function at its begin. */
#include <linux/kernel.h>
#include <linux/string.h>
#include "entry.h"

#define RV_NOP		0x00000013
#define RV_C_NOP	0x0001

/* The instruction that begins there, and its length; 0: there is none. */
static size_t entry_word(const u8 *code, size_t size, size_t at, u32 *word)
{
	u16 half;

	if (at > size || sizeof(half) > size - at)
		return 0;
	memcpy(&half, code + at, sizeof(half));
	*word = half;
	if ((half & 3) != 3)
		return 2;
	if (sizeof(*word) > size - at)
		return 0;
	memcpy(word, code + at, sizeof(*word));
	return 4;
}

static s64 entry_signed(u32 value, unsigned int bits)
{
	return (s64)((u64)value << (64 - bits)) >> (64 - bits);
}

static s64 entry_jal(u32 word)
{
	return entry_signed((word >> 31) << 20 | (word >> 12 & 0xff) << 12 |
			    (word >> 20 & 1) << 11 | (word >> 21 & 0x3ff) << 1, 21);
}

/* auipc, then jalr by the register that it has set, or ld and jalr. */
static size_t entry_far(const u8 *code, size_t size, u64 address, size_t at, struct ks_leave *leave)
{
	u32 first, second, third, reg;
	size_t next;

	if (entry_word(code, size, at, &first) != 4 || (first & 0x7f) != 0x17)
		return 0;
	reg = first >> 7 & 0x1f;
	if (entry_word(code, size, at + 4, &second) != 4 || (second >> 15 & 0x1f) != reg)
		return 0;
	leave->address = address + at + (s64)(s32)(first & 0xfffff000) +
			 entry_signed(second >> 20, 12);
	if ((second & 0x707f) == 0x67) {
		leave->kind = second >> 7 & 0x1f ? KS_LEAVE_CALL : KS_LEAVE_JUMP;
		return 8;
	}
	if ((second & 0x707f) != 0x3003)
		return 0;
	reg = second >> 7 & 0x1f;
	next = entry_word(code, size, at + 8, &third);
	/* jr reg, compressed or not. */
	if ((next == 2 && third == (0x8002 | reg << 7)) ||
	    (next == 4 && third == (0x67 | reg << 15))) {
		leave->kind = KS_LEAVE_THROUGH;
		return 8 + next;
	}
	return 0;
}

unsigned int ks_entry_riscv(const u8 *code, size_t size, u64 address, struct ks_leave *leaves)
{
	unsigned int count = 0;
	size_t at = 0, length;
	u32 word;

	while (count < KS_LEAVES) {
		struct ks_leave *leave = &leaves[count];

		length = entry_word(code, size, at, &word);
		if (!length)
			break;
		if (word != RV_NOP && word != RV_C_NOP) {
			leave->offset = at;
			leave->kind = word >> 7 & 0x1f ? KS_LEAVE_CALL : KS_LEAVE_JUMP;
			leave->address = address + at + entry_jal(word);
			if (length != 4 || (word & 0x7f) != 0x6f)
				length = entry_far(code, size, address, at, leave);
			if (!length)
				break;
			count++;
			if (leave->kind != KS_LEAVE_CALL)
				break;
		}
		at += length;
	}
	return count;
}
