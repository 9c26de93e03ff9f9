/* SPDX-License-Identifier: GPL-2.0-only */
/* Sums of the kernel's text as it was at load: which of it was changed since then. */
#ifndef KS_BASELINE_H
#define KS_BASELINE_H

#include "patched.h"

/* Each has a sum of 16 bits, so that they take an eighth of the text. */
#define KS_BASELINE_BLOCK	16
#define KS_BASELINE_PIECE	4096

struct ks_probed;

struct ks_baseline {
	struct ks_patched patched;
	u64 keys[KS_BASELINE_BLOCK / sizeof(u32) + 2];	/* random */
	u16 *sums;				/* 0: not known */
	bool single;				/* one CPU was running */
	u8 code[KS_BASELINE_PIECE];		/* that is being looked at */
};

/* At load, which does not wait for it, and before the module goes. */
void ks_baseline_begin(void);
void ks_baseline_end(void);
/* That was taken, as soon as it is; NULL: none, which why is about.  May sleep. */
struct ks_baseline *ks_baseline_get(const char **why);

/* Takes it once more where something differs; false: something did. */
bool ks_baseline_take(struct ks_baseline *baseline, const struct ks_probed *probed,
		      bool (*rest)(void));
/* A piece is read, without what the kernel patches; false: it cannot be. */
bool ks_baseline_read(struct ks_baseline *baseline, u32 offset, u32 size);
/* Of the block at offset, which was read to code; never 0. */
u16 ks_baseline_sum(const struct ks_baseline *baseline, const u8 *code, u32 offset);
/* A kprobe may have changed the block at offset. */
bool ks_baseline_probed(const struct ks_baseline *baseline, const struct ks_probed *probed,
			u32 offset);

#endif /* KS_BASELINE_H */
