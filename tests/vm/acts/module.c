// SPDX-License-Identifier: GPL-2.0-only
/* Steps that load kernel modules. */
#include "act.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* path:parameters, by descriptor */
void step_finit(char *value)
{
	char *path = take_word(&value);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	check(fd >= 0, "open");
	say("finit", result_of(syscall(SYS_finit_module, fd, value, 0)));
}

/* path:parameters, by its bytes */
void step_init(char *value)
{
	char *path = take_word(&value);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *image;
	ssize_t done = 0, n;

	check(fd >= 0 && !fstat(fd, &st), "open");
	image = malloc(st.st_size);
	while (done < st.st_size && (n = read(fd, image + done, st.st_size - done)) > 0)
		done += n;
	check(done == st.st_size, "read");
	say("init", result_of(syscall(SYS_init_module, image, st.st_size, value)));
}

/* An image that is none, by its bytes. */
void step_garbage(char *value)
{
	char image[4096];

	(void)value;
	memset(image, 'x', sizeof(image));
	say("garbage", result_of(syscall(SYS_init_module, image, sizeof(image), "")));
}
