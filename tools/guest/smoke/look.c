// SPDX-License-Identifier: GPL-2.0-only
/* What the driver finds in the kernel itself; the host judges it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "smoke.h"

static int look_one(int device, const char *word, uint32_t what, uint32_t part)
{
	struct ksonde_inspect ask = { .size = sizeof(ask), .what = what, .part = part, .length = 1 << 20 };
	uint64_t began = now_ns();
	char *text = malloc(ask.length);

	if (!text)
		die("malloc");
	ask.buffer = (uintptr_t)text;
	if (ioctl(device, KSONDE_IOC_INSPECT, &ask)) {
		free(text);
		return errno;
	}
	say("time %s %llu", word, (unsigned long long)(now_ns() - began));
	say_bytes(word, text, ask.length);
	free(text);
	return 0;
}

/* One part after the other. */
static void look_parts(int device, const char *word, uint32_t what)
{
	uint32_t part = 0;
	int err;

	do {
		err = look_one(device, word, what, part++);
	} while (!err);
	if (err != ENOENT)
		say("note INSPECT of %s, part %u: %s", word, part - 1, strerror(err));
}

void look(int device)
{
	int err = look_one(device, "lsm", KSONDE_INSPECT_LSM, 0);

	if (err)
		say("note INSPECT of the LSM hooks: %s", strerror(err));
	look_parts(device, "integrity", KSONDE_INSPECT_INTEGRITY);
	look_parts(device, "inventory", KSONDE_INSPECT_INVENTORY);
}
