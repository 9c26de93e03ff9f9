/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses and the networks they lie in.  It compiles on the host, too. */
#ifndef KS_NETWORK_H
#define KS_NETWORK_H

#include <linux/types.h>

/* Its first prefix bits count; all others are 0. */
struct ks_network {
	u32 family;		/* AF_INET: of 4 bytes, AF_INET6: of 16 */
	u32 prefix;
	u8 bytes[16];
};

/* false: of no such family, with no such prefix, or bits behind it are set. */
bool ks_network_is_valid(const struct ks_network *network);
/*
 * A mapped IPv4 address lies where the IPv4 address does.  NULL, and what is of
 * another family, lies nowhere.
 */
bool ks_network_has(const struct ks_network *network, u32 family, const u8 *address);

#endif /* KS_NETWORK_H */
