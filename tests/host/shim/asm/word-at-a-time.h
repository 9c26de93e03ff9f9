/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_WORD_AT_A_TIME_H
#define SHIM_WORD_AT_A_TIME_H

struct word_at_a_time {
	unsigned long ones, highs;
};

#define WORD_AT_A_TIME_CONSTANTS	{ ~0UL / 255, ~0UL / 255 * 128 }

static inline unsigned long has_zero(unsigned long word, unsigned long *bits,
				     const struct word_at_a_time *c)
{
	*bits = (word - c->ones) & ~word & c->highs;
	return *bits;
}

static inline unsigned long prep_zero_mask(unsigned long word, unsigned long bits,
					   const struct word_at_a_time *c)
{
	(void)word;
	(void)c;
	return bits;
}

static inline unsigned long create_zero_mask(unsigned long bits)
{
	return bits;
}

static inline unsigned long find_zero(unsigned long mask)
{
	return __builtin_ctzl(mask) / 8;
}

#endif /* SHIM_WORD_AT_A_TIME_H */
