/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Short strings, copied by words: what the kernel's own functions take to be
 * called, and to ask how long it is, would be most of the cost.
 */
#ifndef KS_WORDS_H
#define KS_WORDS_H

#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/types.h>
#include <asm/word-at-a-time.h>
#include "../compat/align.h"
#include "../compat/unaligned.h"

/*
 * Whole words, so that up to seven bytes behind them are read and written.  To
 * may be before from in the same buffer, by a word at least.
 */
static __always_inline void ks_words_copy(char *to, const char *from, size_t length)
{
	size_t at;

	for (at = 0; at < length; at += sizeof(long))
		put_unaligned(get_unaligned((const unsigned long *)(from + at)),
			      (unsigned long *)(to + at));
}

/* An aligned word is in one page; but who checks each byte would complain of what is behind. */
static __always_inline bool ks_words_are_whole(const char *text)
{
	return IS_ALIGNED((unsigned long)text, sizeof(long)) &&
	       !IS_ENABLED(CONFIG_KASAN) && !IS_ENABLED(CONFIG_KMSAN);
}

/*
 * A string of at most size bytes, a multiple of a word's, and its NUL byte, if
 * that is among them; all of size may be read.  How long it is.
 */
static __always_inline size_t ks_words_text(char *to, const char *from, size_t size)
{
	const struct word_at_a_time constants = WORD_AT_A_TIME_CONSTANTS;
	unsigned long word, bits;
	size_t at;

	for (at = 0; at < size; at += sizeof(word)) {
		word = get_unaligned((const unsigned long *)(from + at));
		put_unaligned(word, (unsigned long *)(to + at));
		if (has_zero(word, &bits, &constants)) {
			bits = prep_zero_mask(word, bits, &constants);
			return at + find_zero(create_zero_mask(bits));
		}
	}
	return size;
}

#endif /* KS_WORDS_H */
