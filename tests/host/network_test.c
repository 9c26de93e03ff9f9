// SPDX-License-Identifier: GPL-2.0-only
/*
 * core/network.c on the host: on standard input, a line each, a network (bytes in
 * hexadecimal, prefix) and an address.  Prints "invalid", "in" or "out".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/socket.h>
#include "../../driver/LKM/core/network.h"
#include "check.h"

static u32 bytes_of(const char *text, u8 *bytes)
{
	u32 length = strlen(text) / 2;
	unsigned int byte;

	for (u32 i = 0; i < length; i++) {
		CHECK(sscanf(text + 2 * i, "%2x", &byte) == 1);
		bytes[i] = byte;
	}
	return length == 4 ? AF_INET : length == 16 ? AF_INET6 : AF_UNIX;
}

int main(void)
{
	char net[64], text[64];

	for (;;) {
		struct ks_network network = {};
		/* In memory of exactly its size. */
		u8 *address;
		u32 family;

		if (scanf("%40s %u %40s", net, &network.prefix, text) != 3)
			break;
		network.family = bytes_of(net, network.bytes);
		address = malloc(strlen(text) / 2);
		family = bytes_of(text, address);
		if (!ks_network_is_valid(&network))
			puts("invalid");
		else
			puts(ks_network_has(&network, family, address) ? "in" : "out");
		CHECK(!ks_network_has(&network, family, NULL));
		free(address);
	}
	return 0;
}
