// SPDX-License-Identifier: GPL-2.0-only
/*
 * What only a kernel that checks itself has: faults on demand, a search for
 * leaks.  Says nothing where there is none of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ksonde.h"
#include "smoke.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define KMEMLEAK	DEBUGFS "kmemleak"
#define PATIENCE	180000000000ULL	/* ns that the faults of one call may take */
#define ROUNDS		30		/* of sessions while one allocation in 100 fails */

static int nth_file = -1;

static int put(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (file < 0)
		return errno;
	if (write(file, text, strlen(text)) < 0)
		err = errno;
	close(file);
	return err;
}

/* The whole of a file, NUL-terminated. */
static char *get(const char *path)
{
	static char text[1 << 16];
	int file = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got;

	if (file < 0)
		return NULL;
	while ((got = read(file, text + length, sizeof(text) - 1 - length)) > 0)
		length += got;
	close(file);
	text[length] = '\0';
	return text;
}

static void knob(const char *fault, const char *name, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), DEBUGFS "%s/%s", fault, name);
	if (put(path, value))
		die(path);
}

void debug_prepare(void)
{
	if (mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL) && errno != EBUSY)
		return;
	/* What the kernel itself has lost before is not looked at. */
	put(KMEMLEAK, "clear");
}

static bool have_faults(void)
{
	return !access("/proc/self/fail-nth", W_OK) && !access(DEBUGFS "failslab", X_OK) &&
	       !access(DEBUGFS "fail_page_alloc", X_OK);
}

static void faults_prepare(void)
{
	/* All can fail: those that may sleep, and those of a single page, too. */
	knob("failslab", "ignore-gfp-wait", "N");
	knob("fail_page_alloc", "ignore-gfp-wait", "N");
	knob("fail_page_alloc", "ignore-gfp-highmem", "N");
	knob("fail_page_alloc", "min-order", "0");
	knob("failslab", "verbose", "0");
	knob("fail_page_alloc", "verbose", "0");
	/* Their stacks name what the log is searched for. */
	if (!access(DEBUGFS "fail_usercopy", X_OK))
		knob("fail_usercopy", "verbose", "0");
	nth_file = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_file < 0)
		die("fail-nth");
}

/* From here on, this process's nth thing that can fail fails. */
static void fail_nth(unsigned int nth)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", nth);
	/* What is left of an earlier one can fail this: once. */
	if (pwrite(nth_file, text, strlen(text), 0) < 0 && pwrite(nth_file, text, strlen(text), 0) < 0)
		die("fail-nth");
}

/* Whether it has failed. */
static bool has_failed(void)
{
	char text[16] = "";

	/* One that is left over can fail this read: then nothing has failed before. */
	return pread(nth_file, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
}

static int call_open(int device)
{
	(void)device;
	device = open("/dev/ksonde", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (device < 0)
		return errno;
	close(device);
	return 0;
}

static int call_start(int device)
{
	return ioctl(device, KSONDE_IOC_START, 0) ? errno : 0;
}

static int call_map(int device)
{
	size_t length = 2 * info.ring_min;
	void *at;

	at = mmap(NULL, length, PROT_READ, MAP_SHARED, device, KSONDE_MMAP_OFFSET(KSONDE_REGION_DATA, 0));
	if (at == MAP_FAILED)
		return errno;
	/* What is left to fail may fail this; a mapping that stays would pin the module. */
	while (munmap(at, length) && errno == ENOMEM)
		;
	return 0;
}

/* Each thing that can fail within a call fails once; "whole" when it came to none that is left. */
static void faults_of(const char *name, int (*call)(int device), bool started)
{
	unsigned int nth, refused = 0;
	uint64_t began = now_ns();
	bool whole = false;
	int device, last = 0, err;

	for (nth = 1; !whole && now_ns() - began < PATIENCE; nth++) {
		device = session_prepared(info.ring_min);
		if (started && ioctl(device, KSONDE_IOC_START, 0))
			die("START");
		fail_nth(nth);
		err = call(device);
		whole = !has_failed();
		fail_nth(0);
		close(device);
		if (err) {
			refused++;
			last = err;
		}
	}
	say("faults %s {\"tried\": %u, \"refused\": %u, \"errno\": %d, \"whole\": %d, \"ns\": %llu}", name, nth - 1,
	    refused, last, whole, (unsigned long long)(now_ns() - began));
}

/* Whether this process's allocations fail at random; they can fail this, too. */
static void random_faults(bool on)
{
	int i;

	for (i = 0; put("/proc/self/make-it-fail", on ? "1" : "0"); i++)
		if (i == 100)
			die("make-it-fail");
}

static bool session_at_random(void)
{
	struct ksonde_ring_setup ring = { .size = sizeof(ring), .bytes = info.ring_min };
	int device = open("/dev/ksonde", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct ksonde_events events;
	bool started = false;
	pid_t child;

	events_all(&events);
	if (device >= 0)
		started = !ioctl(device, KSONDE_IOC_SET_EVENTS, &events) && !ioctl(device, KSONDE_IOC_SET_RING, &ring);
	/*
	 * Not START and its end: taking a probe away that was not the one that
	 * failed needs memory in the kernel, which warns when it has none.
	 */
	random_faults(false);
	if (started && ioctl(device, KSONDE_IOC_START, 0))
		die("START without faults");
	random_faults(true);
	child = fork();
	if (!child)
		_exit(0);
	close(open("/tmp/faulty", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	unlink("/tmp/faulty");
	if (child > 0)
		waitpid(child, NULL, 0);
	random_faults(false);
	if (device >= 0)
		close(device);
	return started;
}

/* By 1 % some six of a hundred sessions are refused: of 30 none in one run of six. */
static void random_knobs(const char *fault)
{
	knob(fault, "task-filter", "Y");
	knob(fault, "probability", "5");
	knob(fault, "times", "-1");
}

/*
 * Processes whose allocations fail at random, each with a session that comes
 * and goes.  One whose own pages cannot be had is killed by the kernel.
 */
static void faults_at_random(void)
{
	int i, started = 0, killed = 0, status;
	pid_t child;

	random_knobs("failslab");
	random_knobs("fail_page_alloc");
	for (i = 0; i < ROUNDS; i++) {
		child = fork();
		if (child < 0)
			die("fork");
		if (!child) {
			random_faults(true);
			_exit(session_at_random());
		}
		waitpid(child, &status, 0);
		killed += WIFSIGNALED(status);
		started += WIFEXITED(status) && WEXITSTATUS(status);
	}
	knob("failslab", "probability", "0");
	knob("fail_page_alloc", "probability", "0");
	say("faults random {\"tried\": %d, \"refused\": %d, \"killed\": %d}", ROUNDS,
	    ROUNDS - killed - started, killed);
}

void debug_faults(void)
{
	int device;

	if (!have_faults())
		return;
	faults_prepare();
	faults_of("open", call_open, false);
	faults_of("start", call_start, false);
	faults_of("map", call_map, true);
	faults_at_random();
	close(nth_file);
	/* All is well again: the last word on every hook. */
	device = session_prepared(info.ring_min);
	if (ioctl(device, KSONDE_IOC_START, 0))
		die("START after faults");
	session_hooks(device);
	close(device);
}

/* Whether lockdep has not switched itself off. */
static int locks_are_watched(void)
{
	char *text = get("/proc/lockdep_stats");

	text = text ? strstr(text, "debug_locks:") : NULL;
	return text ? atoi(text + strlen("debug_locks:")) : -1;
}

void debug_leaks(void)
{
	unsigned int leaks = 0;
	char *text, *line;
	int err = 0, i;

	if (access(KMEMLEAK, R_OK))
		return;
	/* What is younger than 5 s is no leak yet, and what a scan finds the next one confirms. */
	for (i = 0; i < 2 && !err; i++) {
		sleep(6);
		err = put(KMEMLEAK, "scan");
	}
	text = get(KMEMLEAK);
	for (line = strtok(text ? text : "", "\n"); line; line = strtok(NULL, "\n")) {
		leaks += !strncmp(line, "unreferenced", 12);
		if (leaks < 10)
			say("note %s", line);
	}
	say("leaks {\"errno\": %d, \"leaks\": %u, \"debug_locks\": %d}", err, leaks, locks_are_watched());
}
