/* SPDX-License-Identifier: GPL-2.0-only */
/* Another hash than the kernel's: it is to spread, no more. */
#ifndef SHIM_SIPHASH_H
#define SHIM_SIPHASH_H

#include <linux/types.h>

typedef struct {
	u64 key[2];
} siphash_key_t;

static inline u64 siphash_3u64(u64 first, u64 second, u64 third, const siphash_key_t *key)
{
	const u64 words[3] = { first, second, third };
	u64 hash = key->key[0];

	for (int i = 0; i < 3; i++) {
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 29;
		hash = (hash ^ key->key[1]) * 0xbf58476d1ce4e5b9ULL;
		hash ^= hash >> 32;
	}
	return hash;
}

#endif /* SHIM_SIPHASH_H */
