// SPDX-License-Identifier: GPL-2.0-only
/*
 * More at once than any host does.
 *
 *	storm exec COUNT		short processes, with signals and a tracer among them
 *	storm mount COUNT FOLDER	file systems come and go below the feet of who uses them
 *	storm rename COUNT FOLDER	folders deeper than PATH_MAX are renamed, top and bottom
 *	storm memory COUNT FOLDER	writers in a control group that has no memory left
 *
 * ends with 0 and says how often it did what; the random numbers are always
 * the same ones.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s (errno %s)\n", __FILE__, __LINE__, \
				#x, strerror(errno)); \
			_exit(1); \
		} \
	} while (0)

#define CHILDREN	24	/* at once */
#define DEEP		24	/* folders with a name of 200 bytes: 4,800 */
#define NAME		200

static unsigned int seed = 20261128;

static unsigned int below(unsigned int most)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % most;
}

/* A process of the storm: ends when end is set. */
static pid_t helper(void (*work)(const char *), const char *what)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		seed += getpid();
		work(what);
		_exit(0);
	}
	return pid;
}

static void end(pid_t pid)
{
	int status;

	CHECK(!kill(pid, SIGKILL));
	CHECK(waitpid(pid, &status, __WALL) == pid);
	CHECK(WIFSIGNALED(status));
}

/* ----------------------------------------------------------------- exec */

static volatile pid_t *children;

static void trace(const char *unused)
{
	int status, sig;
	pid_t pid;

	(void)unused;
	for (;;) {
		pid = children[below(CHILDREN)];
		if (!pid || ptrace(PTRACE_SEIZE, pid, 0, 0))
			continue;
		if (below(2))
			ptrace(PTRACE_INTERRUPT, pid, 0, 0);
		else
			kill(pid, SIGUSR1);
		if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
			continue;
		sig = WSTOPSIG(status);
		ptrace(PTRACE_DETACH, pid, 0, sig == SIGTRAP || sig == SIGSTOP ? 0 : sig);
	}
}

static void disturb(const char *unused)
{
	static const int signals[] = { SIGUSR1, SIGTERM, SIGKILL, SIGWINCH };
	pid_t pid;

	(void)unused;
	for (;;) {
		pid = children[below(CHILDREN)];
		if (!pid) {
			sched_yield();
			continue;
		}
		kill(pid, SIGSTOP);
		kill(pid, SIGCONT);
		kill(pid, signals[below(4)]);
		usleep(below(2000));
	}
}

static pid_t start(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid)
		return pid;
	execl("/proc/self/exe", "storm", "end", NULL);
	_exit(127);
}

static void exec_storm(long count, const char *unused)
{
	long started = 0, killed = 0;
	pid_t tracer, disturber, pid;
	int i, status;

	(void)unused;
	children = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(children != MAP_FAILED);
	tracer = helper(trace, "");
	disturber = helper(disturb, "");
	for (i = 0; i < CHILDREN; i++, started++)
		children[i] = start();
	while (started < count) {
		pid = waitpid(-1, &status, 0);
		CHECK(pid > 0);
		CHECK(pid != tracer && pid != disturber);
		killed += WIFSIGNALED(status);
		for (i = 0; children[i] != pid; i++)
			CHECK(i < CHILDREN);
		children[i] = 0;
		children[i] = start();
		started++;
	}
	end(disturber);
	end(tracer);
	for (i = 0; i < CHILDREN; i++) {
		/* The tracer may have left it stopped. */
		kill(children[i], SIGCONT);
		kill(children[i], SIGKILL);
		CHECK(waitpid(children[i], &status, 0) == children[i]);
	}
	printf("%ld started, %ld killed\n", started, killed);
}

/* ---------------------------------------------------------------- mount */

static void use(const char *folder)
{
	char path[256];
	int fd;

	CHECK(!chdir(folder));
	for (;;) {
		snprintf(path, sizeof(path), "m/f%u", below(8));
		fd = open(path, O_RDWR | O_CREAT, 0700);
		if (fd < 0)
			continue;
		if (write(fd, "x", 1) == 1)
			fchmod(fd, 0755);
		rename(path, "m/renamed");
		unlink("m/renamed");
		close(fd);
	}
}

static void mount_storm(long count, const char *folder)
{
	pid_t users[3];
	long i;

	CHECK(!unshare(CLONE_NEWNS));
	CHECK(!mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	CHECK(!chdir(folder));
	CHECK(!mkdir("m", 0700));
	CHECK(!mkdir("b", 0700));
	for (i = 0; i < 3; i++)
		users[i] = helper(use, folder);
	for (i = 0; i < count; i++) {
		CHECK(!mount("storm", "m", "tmpfs", 0, "size=64k"));
		CHECK(!mount("m", "b", NULL, MS_BIND, NULL));
		sched_yield();
		CHECK(!umount2("m", MNT_DETACH));
		CHECK(!umount2("b", MNT_DETACH));
	}
	for (i = 0; i < 3; i++)
		end(users[i]);
	printf("%ld mounted\n", 2 * count);
}

/* --------------------------------------------------------------- rename */

static char name[2][NAME + 1];

static void enter_depth(const char *folder, int depth)
{
	int fd, next, i;

	fd = open(folder, O_PATH | O_DIRECTORY);
	CHECK(fd >= 0);
	for (i = 0; i < depth; i++) {
		/* Whichever name it has now. */
		do
			next = openat(fd, name[below(2)], O_PATH | O_DIRECTORY);
		while (next < 0);
		close(fd);
		fd = next;
	}
	CHECK(!fchdir(fd));
	close(fd);
}

static void rename_top(const char *folder)
{
	CHECK(!chdir(folder));
	for (unsigned int i = 0;; i++)
		CHECK(!rename(name[i & 1], name[!(i & 1)]));
}

static void rename_middle(const char *folder)
{
	enter_depth(folder, DEEP / 2);
	for (unsigned int i = 0;; i++)
		CHECK(!rename(name[i & 1], name[!(i & 1)]));
}

static void rename_storm(long count, const char *folder)
{
	pid_t top, middle;
	int fd;

	memset(name[0], 'd', NAME);
	memset(name[1], 'e', NAME);
	CHECK(!chdir(folder));
	for (int i = 0; i < DEEP; i++) {
		CHECK(!mkdir(name[0], 0700));
		CHECK(!chdir(name[0]));
	}
	/* Here every path is longer than PATH_MAX, and stays the same folder. */
	top = helper(rename_top, folder);
	middle = helper(rename_middle, folder);
	for (long i = 0; i < count; i++) {
		fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0600);
		CHECK(fd >= 0);
		CHECK(write(fd, "x", 1) == 1);
		CHECK(!fchmod(fd, 0755));
		close(fd);
		CHECK(!rename("file", "other"));
		CHECK(!link("other", "third"));
		CHECK(!unlink("other"));
		CHECK(!unlink("third"));
	}
	end(top);
	end(middle);
	printf("%ld files at a depth of %d bytes\n", count, DEEP * (NAME + 1));
}

/* --------------------------------------------------------------- memory */

static void memory_storm(long count, const char *folder)
{
	static char data[256 << 10];
	long failed = 0;
	char *space;
	pid_t pid;
	int fd;

	CHECK(!chdir(folder));
	for (long i = 0; i < count; i++) {
		fd = open("big", O_RDWR | O_CREAT | O_TRUNC, 0600);
		CHECK(fd >= 0);
		for (int j = 0; j < 8; j++)
			failed += write(fd, data, sizeof(data)) != sizeof(data);
		space = mmap(NULL, 8 * sizeof(data), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
		CHECK(space != MAP_FAILED);
		for (size_t j = 0; j < 8 * sizeof(data); j += 4096)
			failed += ((volatile char *)space)[j] != 0;
		CHECK(!munmap(space, 8 * sizeof(data)));
		close(fd);
		pid = start();
		CHECK(waitpid(pid, NULL, 0) == pid);
	}
	/* Others want to write here, too. */
	CHECK(!unlink("big"));
	printf("%ld files of 2 MiB, %ld failures\n", count, failed);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(long count, const char *folder);
		int arguments;
	} storms[] = {
		{ "exec", exec_storm, 3 },
		{ "mount", mount_storm, 4 },
		{ "rename", rename_storm, 4 },
		{ "memory", memory_storm, 4 },
	};

	if (argc == 2 && !strcmp(argv[1], "end"))
		return getpid() & 0x7f;
	for (size_t i = 0; i < sizeof(storms) / sizeof(*storms); i++) {
		if (argc < 3 || strcmp(argv[1], storms[i].name) || argc != storms[i].arguments)
			continue;
		storms[i].run(atol(argv[2]), argc > 3 ? argv[3] : "");
		return 0;
	}
	fprintf(stderr, "usage: storm exec|mount|rename|memory COUNT [FOLDER]\n");
	return 2;
}
