// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps that execute a program.  They print what the executing process is
 * before it, and once more when they were refused.
 */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* path; all arguments that follow are argv. */
void step_exec(char *value)
{
	say("before", 0);
	say("exec", result_of(syscall(SYS_execve, value, act_rest, act_environ)));
	_exit(1);
}

/* directory:name:flags; all arguments that follow are argv. */
void step_execveat(char *value)
{
	int dirfd = open(take_word(&value), O_PATH | O_DIRECTORY);
	char *name = take_word(&value);

	check(dirfd >= 0, "directory");
	say("before", 0);
	say("execveat", result_of(syscall(SYS_execveat, dirfd, name, act_rest,
					  act_environ, (int)take_number(&value))));
	_exit(1);
}

/* path, opened first and executed by its descriptor. */
void step_fexecve(char *value)
{
	int fd = open(value, O_RDONLY | O_CLOEXEC);

	check(fd >= 0, "open");
	say_begin("before", 0);
	say_number("fd", fd);
	say_end();
	say("fexecve", result_of(syscall(SYS_execveat, fd, "", act_rest,
					 act_environ, AT_EMPTY_PATH)));
	_exit(1);
}

static void copy(int from, int to)
{
	char buffer[65536];
	ssize_t n;

	while ((n = read(from, buffer, sizeof(buffer))) > 0)
		check(write(to, buffer, n) == n, "copy");
	check(!n, "copy");
}

/* name: this program, out of a memfd of that name. */
void step_memfd(char *value)
{
	int fd = memfd_create(value, MFD_CLOEXEC);
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	check(fd >= 0 && self >= 0, "memfd");
	copy(self, fd);
	say_begin("before", 0);
	say_number("fd", fd);
	say_end();
	say("memfd", result_of(syscall(SYS_execveat, fd, "", act_rest,
				       act_environ, AT_EMPTY_PATH)));
	_exit(1);
}

/* path: opened, unlinked, then executed by its descriptor. */
void step_deleted(char *value)
{
	int fd = open(value, O_RDONLY | O_CLOEXEC);

	check(fd >= 0 && !unlink(value), "deleted");
	say_begin("before", 0);
	say_number("fd", fd);
	say_end();
	say("deleted", result_of(syscall(SYS_execveat, fd, "", act_rest,
					 act_environ, AT_EMPTY_PATH)));
	_exit(1);
}

static void *exec_from_thread(void *path)
{
	step_exec(path);
	return NULL;
}

/* As exec, from a second thread: it takes the place of the first. */
void step_threadexec(char *value)
{
	pthread_t thread;

	check(!pthread_create(&thread, NULL, exec_from_thread, value), "thread");
	for (;;)
		pause();
}

/* path: without any argument, without an environment. */
void step_emptyexec(char *value)
{
	char *none[] = { NULL };

	say("before", 0);
	say("emptyexec", result_of(syscall(SYS_execve, value, none, none)));
	_exit(1);
}
