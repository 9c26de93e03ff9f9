// SPDX-License-Identifier: GPL-2.0-only
/* To the host, by the kernel's log. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>
#include "smoke.h"

#define CHUNK	600	/* in base64 this fits into a line of the oldest kernels */

#define PAUSE_EVERY	32

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put(const char *line, size_t length)
{
	static int log = -1;

	if (log < 0)
		log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (write(log, line, length) < 0)
		write(2, line, length);
}

void say(const char *format, ...)
{
	char line[960] = "<4>ksonde-smoke: ";
	size_t begin = strlen(line);
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line + begin, sizeof(line) - begin, format, arguments);
	va_end(arguments);
	put(line, begin + (length < 0 ? 0 : length));
}

void say_bytes(const char *what, const void *bytes, size_t length)
{
	const unsigned char *from = bytes;
	char text[CHUNK / 3 * 4 + 1];
	size_t at, part, i, out;
	uint32_t three;

	for (at = 0; at < length; at += part) {
		part = length - at < CHUNK ? length - at : CHUNK;
		for (i = 0, out = 0; i < part; i += 3) {
			three = from[at + i] << 16;
			if (i + 1 < part)
				three |= from[at + i + 1] << 8;
			if (i + 2 < part)
				three |= from[at + i + 2];
			text[out++] = digits[three >> 18];
			text[out++] = digits[three >> 12 & 63];
			text[out++] = i + 1 < part ? digits[three >> 6 & 63] : '=';
			text[out++] = i + 2 < part ? digits[three & 63] : '=';
		}
		text[out] = '\0';
		say("%s %s", what, text);
		/* The console writes at its own pace; what does not fit into the log meanwhile is dropped. */
		if (at / CHUNK % PAUSE_EVERY == PAUSE_EVERY - 1)
			usleep(100000);
	}
	say("%s.", what);
}

void die(const char *what)
{
	say("died %s: %s", what, strerror(errno));
	sleep(1);
	reboot(RB_AUTOBOOT);
	_exit(1);
}

uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}
