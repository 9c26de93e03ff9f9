// SPDX-License-Identifier: GPL-2.0-only
/* Steps that use a file and close it. */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say_open(const char *act, int fd)
{
	struct stat st;

	check(!fstat(fd, &st), "fstat");
	say_begin(act, fd);
	say_unsigned("size", st.st_size);
	say_unsigned("position", lseek(fd, 0, SEEK_CUR));
	say_unsigned("mode", st.st_mode);
	say_unsigned("inode", st.st_ino);
	say_number("mtime", st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec);
	say_end();
}

/* flags:mode:path:count:text, open(2), read(2) of so many bytes, write(2), close(2) */
void step_used(char *value)
{
	long flags = take_number(&value), mode = take_number(&value);
	char *path = take_word(&value), buffer[4096];
	long count = take_number(&value);
	int fd = syscall(SYS_open, path, flags, mode);

	if (fd < 0) {
		say("used", -errno);
		return;
	}
	check(syscall(SYS_read, fd, buffer, count) == count || !count, "read");
	check(write(fd, value, strlen(value)) == (ssize_t)strlen(value) || !*value, "write");
	say_open("used", fd);
	close(fd);
}

/* flags:mode:path, open(2); the descriptor stays, and a second one is closed */
void step_kept(char *value)
{
	long flags = take_number(&value), mode = take_number(&value);
	int fd = syscall(SYS_open, value, flags, mode);

	check(fd >= 0, value);
	check(!close(dup(fd)), "close");
	say_open("kept", fd);
}
