// SPDX-License-Identifier: GPL-2.0-only
/* x86-64: the ways to leave a function at its begin. */
#include <linux/kernel.h>
#include <linux/string.h>
#include "entry.h"

struct x86_entry {
	const u8 *code;
	size_t size;
	u64 address;
	size_t at;
};

/* The bytes that lie there, and not less. */
static bool entry_is(const struct x86_entry *entry, size_t at, const char *bytes, size_t count)
{
	return at <= entry->size && count <= entry->size - at &&
	       !memcmp(entry->code + at, bytes, count);
}

static bool entry_s32(const struct x86_entry *entry, size_t at, s32 *value)
{
	if (at > entry->size || sizeof(*value) > entry->size - at)
		return false;
	memcpy(value, entry->code + at, sizeof(*value));
	return true;
}

/* Length of what does nothing: endbr64 and the long no-operations; 0: it is another instruction. */
static size_t entry_idle(const struct x86_entry *entry)
{
	size_t at = entry->at;
	u8 modrm, bytes;

	if (entry_is(entry, at, "\xf3\x0f\x1e\xfa", 4))
		return 4;
	while (at < entry->size && at - entry->at < 10 &&
	       (entry->code[at] == 0x66 || entry->code[at] == 0x2e))
		at++;
	if (entry_is(entry, at, "\x90", 1))
		return at + 1 - entry->at;
	if (!entry_is(entry, at, "\x0f\x1f", 2) || at + 2 >= entry->size)
		return 0;
	modrm = entry->code[at + 2];
	bytes = modrm >> 6 == 1 ? 1 : modrm >> 6 == 2 ? 4 : 0;
	if (modrm >> 6 == 3)
		return 0;
	at += 3 + bytes + ((modrm & 7) == 4);
	return at <= entry->size ? at - entry->at : 0;
}

/* An address in a register, and a jump by it: jmp *%reg, or push %reg; ret. */
static bool entry_register(const struct x86_entry *entry, u64 *target)
{
	size_t at = entry->at;
	u8 high, reg, jump[3];
	s32 low;

	if (at + 2 > entry->size || (entry->code[at] & 0xfe) != 0x48)
		return false;
	high = entry->code[at] & 1;
	reg = entry->code[at + 1] & 7;
	if ((entry->code[at + 1] & 0xf8) == 0xb8) {
		if (at + 10 > entry->size)
			return false;
		memcpy(target, entry->code + at + 2, sizeof(*target));
		at += 10;
	} else if (entry->code[at + 1] == 0xc7 && entry_s32(entry, at + 3, &low) &&
		   (entry->code[at + 2] & 0xf8) == 0xc0) {
		reg = entry->code[at + 2] & 7;
		*target = (s64)low;
		at += 7;
	} else {
		return false;
	}
	jump[0] = 0x41;
	jump[1] = 0xff;
	jump[2] = 0xe0 | reg;
	if (entry_is(entry, at, (char *)jump + !high, 2 + high))
		return true;
	jump[1] = 0x50 | reg;
	jump[2] = 0xc3;
	return entry_is(entry, at, (char *)jump + !high, 2 + high);
}

/* push $low; maybe movl $high, 4(%rsp); ret */
static bool entry_pushed(const struct x86_entry *entry, u64 *target)
{
	s32 low, high;

	if (!entry_is(entry, entry->at, "\x68", 1) || !entry_s32(entry, entry->at + 1, &low))
		return false;
	*target = (s64)low;
	if (entry_is(entry, entry->at + 5, "\xc3", 1))
		return true;
	if (!entry_is(entry, entry->at + 5, "\xc7\x44\x24\x04", 4) ||
	    !entry_s32(entry, entry->at + 9, &high) || !entry_is(entry, entry->at + 13, "\xc3", 1))
		return false;
	*target = (u64)(u32)high << 32 | (u32)low;
	return true;
}

/* Length of the instruction that leads to leave->address; 0: another one. */
static size_t entry_leaves(const struct x86_entry *entry, struct ks_leave *leave)
{
	u64 next = entry->address + entry->at;
	size_t at = entry->at;
	s32 distance;

	leave->offset = at;
	leave->kind = KS_LEAVE_JUMP;
	if (entry_is(entry, at, "\xe8", 1) && entry_s32(entry, at + 1, &distance)) {
		leave->kind = KS_LEAVE_CALL;
		leave->address = next + 5 + distance;
		return 5;
	}
	if (entry_is(entry, at, "\xe9", 1) && entry_s32(entry, at + 1, &distance)) {
		leave->address = next + 5 + distance;
		return 5;
	}
	if (entry_is(entry, at, "\xff\x25", 2) && entry_s32(entry, at + 2, &distance)) {
		leave->kind = KS_LEAVE_THROUGH;
		leave->address = next + 6 + distance;
		return 6;
	}
	return entry_register(entry, &leave->address) || entry_pushed(entry, &leave->address);
}

unsigned int ks_entry_x86(const u8 *code, size_t size, u64 address, struct ks_leave *leaves)
{
	struct x86_entry entry = { code, size, address, 0 };
	unsigned int count = 0;
	size_t length;

	while (count < KS_LEAVES && entry.at < size) {
		length = entry_idle(&entry);
		if (!length) {
			length = entry_leaves(&entry, &leaves[count]);
			if (!length)
				break;
			/* Nothing comes back from a jump. */
			if (leaves[count++].kind != KS_LEAVE_CALL)
				break;
		}
		entry.at += length;
	}
	return count;
}
