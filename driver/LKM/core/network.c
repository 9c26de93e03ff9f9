// SPDX-License-Identifier: GPL-2.0-only
#include <linux/socket.h>
#include <linux/string.h>
#include "network.h"

static bool same_bits(const u8 *one, const u8 *other, u32 bits)
{
	u32 bytes = bits / 8, rest = bits % 8;

	if (memcmp(one, other, bytes))
		return false;
	return !rest || !((one[bytes] ^ other[bytes]) >> (8 - rest));
}

bool ks_network_is_valid(const struct ks_network *network)
{
	u32 i, bits;

	if (network->family != AF_INET && network->family != AF_INET6)
		return false;
	if (network->prefix > (network->family == AF_INET ? 32 : 128))
		return false;
	for (i = 0; i < sizeof(network->bytes); i++) {
		/* Of this byte so many count. */
		bits = network->prefix > i * 8 ? network->prefix - i * 8 : 0;
		if (bits < 8 && (u8)(network->bytes[i] << bits))
			return false;
	}
	return true;
}

bool ks_network_has(const struct ks_network *network, u32 family, const u8 *address)
{
	static const u8 mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	if (!address)
		return false;
	if (family == AF_INET6 && !memcmp(address, mapped, sizeof(mapped))) {
		address += sizeof(mapped);
		family = AF_INET;
	}
	return family == network->family && same_bits(address, network->bytes, network->prefix);
}
