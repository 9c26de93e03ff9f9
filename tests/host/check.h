/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host tests share: a condition that must hold, and random numbers that can be had again. */
#ifndef HOST_CHECK_H
#define HOST_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <linux/types.h>

#define CHECK(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

/* The seed; not 0. */
static u64 random_state = 1;

static inline u64 rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

#endif /* HOST_CHECK_H */
