/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the instructions of a function refer to by an address that they
 * contain.  Plain functions over bytes: they read nothing else, know nothing
 * of the kernel, and are compiled on the host as well.
 */
#ifndef KS_DECODE_H
#define KS_DECODE_H

#include <linux/types.h>

enum ks_ref_kind {
	KS_REF_DATA,		/* memory that is read, written, or whose address is taken */
	KS_REF_CALL,
	KS_REF_JUMP,		/* out of the function, conditional ones too */
};

struct ks_ref {
	u64 address;		/* what is referred to */
	u32 offset;		/* of the instruction, in the function */
	u32 kind;		/* enum ks_ref_kind */
};

struct ks_refs {
	struct ks_ref *refs;
	u32 room;		/* in refs */
	u32 count;		/* of all that there are, more than room when it was too small */
};

/*
 * Decodes size bytes of code, which lie at address.  Returns the bytes that
 * were understood: fewer than size when there is an instruction that is not
 * known or is cut; nothing is guessed behind it.
 */
typedef size_t (*ks_decode_fn)(const u8 *code, size_t size, u64 address, struct ks_refs *refs);

size_t ks_decode_x86(const u8 *code, size_t size, u64 address, struct ks_refs *refs);
size_t ks_decode_arm64(const u8 *code, size_t size, u64 address, struct ks_refs *refs);
size_t ks_decode_riscv(const u8 *code, size_t size, u64 address, struct ks_refs *refs);

static inline void ks_refs_add(struct ks_refs *refs, u32 kind, u32 offset, u64 address)
{
	if (refs->count < refs->room)
		refs->refs[refs->count] = (struct ks_ref){ address, offset, kind };
	refs->count++;
}

#endif /* KS_DECODE_H */
