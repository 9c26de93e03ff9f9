// SPDX-License-Identifier: GPL-2.0-only
/* Steps that make and end processes and threads. */
#include "act.h"

#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waits for the child and ends as it did. */
static void follow(pid_t child)
{
	struct rlimit none = { 0 };
	int status;

	while (waitpid(child, &status, 0) < 0)
		check(errno == EINTR, "waitpid");
	if (WIFSIGNALED(status)) {
		setrlimit(RLIMIT_CORE, &none);
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(WEXITSTATUS(status));
}

/* The rest is done in a child. */
void step_fork(char *value)
{
	pid_t child = fork();

	(void)value;
	check(child >= 0, "fork");
	if (child)
		follow(child);
}

static void told(const char *act, long child)
{
	say_begin(act, child);
	say_end();
	if (child > 0)
		check(waitpid(child, NULL, __WALL) == child, "waitpid");
}

/* fork(): the child prints its facts, then the parent its own. */
void step_spawn(char *value)
{
	pid_t child = fork();

	(void)value;
	if (!child) {
		say("child", 0);
		_exit(0);
	}
	told("spawn", result_of(child));
}

/* vfork(): as the C library does it. */
void step_vfork(char *value)
{
	pid_t child;

	(void)value;
	child = vfork();
	if (!child)
		_exit(0);
	told("vfork", child);
}

/* The system call fork itself. */
void step_rawfork(char *value)
{
	long child = syscall(SYS_fork);

	(void)value;
	if (!child) {
		say("child", 0);
		_exit(0);
	}
	told("rawfork", child);
}

/* flags: the system call clone; the child prints its facts. */
void step_clone(char *value)
{
	unsigned long flags = strtoul(value, NULL, 0);
	long child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (!child) {
		say("child", 0);
		_exit(0);
	}
	told("clone", result_of(child));
}

/* flags: the system call clone3; the child prints its facts. */
void step_clone3(char *value)
{
	struct clone_args args = {
		.flags = strtoull(value, NULL, 0),
		.exit_signal = SIGCHLD,
	};
	long child = syscall(SYS_clone3, &args, sizeof(args));

	if (!child) {
		say("child", 0);
		_exit(0);
	}
	told("clone3", result_of(child));
}

static void *run_rest(void *unused)
{
	extern int main(int argc, char **argv, char **envp);
	char **argv = act_rest - 1;

	(void)unused;
	main(0, argv, act_environ);
	_exit(0);
	return NULL;
}

/* The rest is done in a second thread. */
void step_thread(char *value)
{
	pthread_t thread;

	(void)value;
	check(!pthread_create(&thread, NULL, run_rest, NULL), "thread");
	for (;;)
		pause();
}

static void *nothing(void *unused)
{
	return unused;
}

/* Makes that many threads, one after the other, and prints. */
void step_threads(char *value)
{
	for (int n = atoi(value); n > 0; n--) {
		pthread_t thread;

		check(!pthread_create(&thread, NULL, nothing, NULL), "thread");
		pthread_join(thread, NULL);
	}
	say("threads", 0);
}

/* Prints and ends with that status. */
void step_exit(char *value)
{
	say("exit", 0);
	_exit(atoi(value));
}

/* Ends with that status and prints nothing. */
void step_quit(char *value)
{
	_exit(atoi(value));
}

/* Prints and is killed by that signal, without a core dump. */
void step_kill(char *value)
{
	struct rlimit none = { 0 };
	int number = atoi(value);

	setrlimit(RLIMIT_CORE, &none);
	signal(number, SIG_DFL);
	say("kill", 0);
	raise(number);
	pause();
}

/* Prints and dies of a bad access, with a core dump when the system makes them. */
void step_crash(char *value)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	(void)value;
	setrlimit(RLIMIT_CORE, &all);
	prctl(PR_SET_DUMPABLE, 1);
	say("crash", 0);
	*(volatile int *)16 = 1;
}

/* Touches that many bytes. */
void step_memory(char *value)
{
	size_t size = strtoul(value, NULL, 0);
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(p != MAP_FAILED, "mmap");
	memset(p, 1, size);
	munmap(p, size);
}

static void *end_process(void *value)
{
	usleep(100000);
	say("last", 0);
	syscall(SYS_exit, atoi(value));
	return NULL;
}

/*
 * The first thread ends alone; four threads end; the last one prints and ends
 * with that status, each by the system call exit of one thread.
 */
void step_lastthread(char *value)
{
	pthread_t thread;

	check(!pthread_create(&thread, NULL, end_process, value), "thread");
	for (int i = 0; i < 4; i++)
		check(!pthread_create(&thread, NULL, nothing, NULL), "thread");
	say("first", 0);
	syscall(SYS_exit, 3);
}

/* That many milliseconds. */
void step_sleep(char *value)
{
	usleep(1000 * atoi(value));
}

void step_newsession(char *value)
{
	(void)value;
	say("newsession", result_of(syscall(SYS_setsid)));
}

/* seconds:nanoseconds, nanosleep(2) */
void step_nanosleep(char *value)
{
	long time[2];

	time[0] = take_number(&value);
	time[1] = take_number(&value);
	say("nanosleep", result_of(syscall(SYS_nanosleep, time, NULL)));
}

/* clock:flags:seconds:nanoseconds, clock_nanosleep(2), of 32-bit programs the old one */
void step_clocksleep(char *value)
{
	long clock = take_number(&value), flags = take_number(&value);
	long time[2];

	time[0] = take_number(&value);
	time[1] = take_number(&value);
	say("clocksleep", result_of(syscall(SYS_clock_nanosleep, clock, flags, time, NULL)));
}

/* The same, of 32-bit programs the new one. */
void step_clocksleep64(char *value)
{
#ifdef SYS_clock_nanosleep_time64
	const long call = SYS_clock_nanosleep_time64;
#else
	const long call = SYS_clock_nanosleep;
#endif
	long clock = take_number(&value), flags = take_number(&value);
	int64_t time[2];

	time[0] = take_number(&value);
	time[1] = take_number(&value);
	say("clocksleep64", result_of(syscall(call, clock, flags, time, NULL)));
}
