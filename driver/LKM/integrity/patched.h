/* SPDX-License-Identifier: GPL-2.0-only */
/* The places in the kernel's text that the kernel patches itself while it runs. */
#ifndef KS_PATCHED_H
#define KS_PATCHED_H

#include <linux/types.h>

struct ks_patched {
	unsigned long begin;	/* of the text */
	u32 size;
	u32 *places;		/* ascending, each packed: see patched.c */
	u32 count;
	/* Between them are a table's entries; 0: the kernel does not show where it is. */
	unsigned long jumps, jumps_end;
	unsigned long calls, calls_end;
	/* Asked of what has no table; NULL: nothing to be asked. */
	int (*is_jump)(const void *begin, const void *end);
	int (*is_call)(const void *begin, const void *end);
};

/*
 * Finds all; false: not all of them can be known, which why is about.  Needs an
 * eighth of the text meanwhile.  stop is looked at now and then.  May sleep.
 */
bool ks_patched_find(struct ks_patched *patched, const bool *stop, const char **why);
void ks_patched_free(struct ks_patched *patched);
/* Zeroes in code, which is of the text's offset, what belongs to such a place. */
void ks_patched_mask(const struct ks_patched *patched, u8 *code, u32 offset, u32 size);
/* Some of it may be such a place of a table that is not there. */
bool ks_patched_maybe(const struct ks_patched *patched, u32 offset, u32 size);

/*
 * The entry of a table, the offset of its instruction, and for a jump label
 * where it may lead.  false: it is not of the text.
 */
bool ks_patched_jump(const struct ks_patched *patched, unsigned long entry, u32 *offset,
		     unsigned long *target);
bool ks_patched_call(const struct ks_patched *patched, unsigned long entry, u32 *offset);

#endif /* KS_PATCHED_H */
