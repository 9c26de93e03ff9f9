// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reader that means harm.
 *
 *	hostile CASE [ARGUMENTS]
 *
 * ends with 0 when the driver held, and says on standard error what did not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../../driver/LKM/uapi/ksonde.h"

#define RING		65536UL
#define CREATE_FILE	602
#define CONNECT		42

#define CHECK(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s (errno %s)\n", __FILE__, __LINE__, \
				#x, strerror(errno)); \
			_exit(1); \
		} \
	} while (0)

/* The call fails with that errno. */
#define FAILS(call, error) \
	do { \
		errno = 0; \
		CHECK((long)(call) == -1); \
		CHECK(errno == (error)); \
	} while (0)

static unsigned int cpus;

static int open_device(void)
{
	int fd = open("/dev/ksonde", O_RDWR | O_CLOEXEC);
	struct ksonde_info info = { .size = sizeof(info) };

	CHECK(fd >= 0);
	CHECK(!ioctl(fd, KSONDE_IOC_INFO, &info));
	CHECK(info.abi == KSONDE_ABI && info.cpus >= 1);
	cpus = info.cpus;
	return fd;
}

static void set_up(int fd, unsigned int event, unsigned int mode)
{
	struct ksonde_events events = { .size = sizeof(events) };
	struct ksonde_ring_setup ring = {
		.size = sizeof(ring), .mode = mode, .bytes = RING,
	};

	events.mask[event / 64] |= 1ULL << (event % 64);
	CHECK(!ioctl(fd, KSONDE_IOC_SET_EVENTS, &events));
	CHECK(!ioctl(fd, KSONDE_IOC_SET_RING, &ring));
}

static int started(unsigned int event, unsigned int mode)
{
	int fd = open_device();

	set_up(fd, event, mode);
	CHECK(!ioctl(fd, KSONDE_IOC_START, 0));
	return fd;
}

static void *map(int fd, int region, unsigned int cpu, size_t length, int prot)
{
	return mmap(NULL, length, prot, MAP_SHARED, fd, KSONDE_MMAP_OFFSET(region, cpu));
}

static size_t page(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* One event: a refused connect(2) on loopback. */
static void act(void)
{
	struct sockaddr address = { .sa_family = AF_INET };
	/* A thread that reads from a number which it was given may get this one's. */
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sa_data, "\0\1\177\0\0\1", 6);
	connect(fd, &address, sizeof(address));
	close(fd);
}

static struct ksonde_stats stats_of(int fd)
{
	struct ksonde_stats stats = { .size = sizeof(stats) };

	CHECK(!ioctl(fd, KSONDE_IOC_STATS, &stats));
	return stats;
}

static void use_cpu(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(!sched_setaffinity(0, sizeof(set), &set));
}

/* -------------------------------------------------------------- mappings */

static void case_maps(void)
{
	int fd = open_device();
	size_t p = page();
	void *data, *control, *position;

	set_up(fd, CONNECT, KSONDE_RING_LOSSLESS_COUNT);
	/* Not before there are rings. */
	FAILS(map(fd, KSONDE_REGION_CONTROL, 0, p, PROT_READ), EINVAL);
	CHECK(!ioctl(fd, KSONDE_IOC_START, 0));

	control = map(fd, KSONDE_REGION_CONTROL, 0, p, PROT_READ);
	data = map(fd, KSONDE_REGION_DATA, 0, 2 * RING, PROT_READ);
	position = map(fd, KSONDE_REGION_POSITION, 0, p, PROT_READ | PROT_WRITE);
	CHECK(control != MAP_FAILED && data != MAP_FAILED && position != MAP_FAILED);

	/* What is read-only stays so, and nothing can be run. */
	FAILS(mprotect(data, 2 * RING, PROT_READ | PROT_WRITE), EACCES);
	FAILS(mprotect(data, p, PROT_WRITE), EACCES);
	FAILS(mprotect((char *)data + RING, p, PROT_READ | PROT_WRITE), EACCES);
	FAILS(mprotect(control, p, PROT_READ | PROT_WRITE), EACCES);
	FAILS(mprotect(data, 2 * RING, PROT_READ | PROT_EXEC), EACCES);
	FAILS(mprotect(control, p, PROT_READ | PROT_EXEC), EACCES);
	FAILS(mprotect(position, p, PROT_READ | PROT_WRITE | PROT_EXEC), EACCES);
	CHECK(map(fd, KSONDE_REGION_DATA, 0, 2 * RING, PROT_READ | PROT_WRITE) == MAP_FAILED);
	CHECK(errno == EPERM || errno == EACCES);
	CHECK(map(fd, KSONDE_REGION_CONTROL, 0, p, PROT_READ | PROT_WRITE) == MAP_FAILED);
	CHECK(map(fd, KSONDE_REGION_DATA, 0, 2 * RING, PROT_READ | PROT_EXEC) == MAP_FAILED);
	CHECK(map(fd, KSONDE_REGION_POSITION, 0, p, PROT_READ | PROT_WRITE | PROT_EXEC) ==
	      MAP_FAILED);

	/* Neither longer nor shorter, nor elsewhere, nor private. */
	FAILS(map(fd, KSONDE_REGION_DATA, 0, p, PROT_READ), EINVAL);
	FAILS(map(fd, KSONDE_REGION_DATA, 0, RING, PROT_READ), EINVAL);
	FAILS(map(fd, KSONDE_REGION_DATA, 0, 2 * RING + p, PROT_READ), EINVAL);
	FAILS(map(fd, KSONDE_REGION_DATA, 0, 1UL << 40, PROT_READ), EINVAL);
	FAILS(map(fd, KSONDE_REGION_CONTROL, 0, 2 * p, PROT_READ), EINVAL);
	FAILS(map(fd, KSONDE_REGION_POSITION, 0, 2 * p, PROT_READ | PROT_WRITE), EINVAL);
	FAILS(map(fd, 3, 0, p, PROT_READ), EINVAL);
	FAILS(map(fd, 127, 0, p, PROT_READ), EINVAL);
	FAILS(map(fd, KSONDE_REGION_CONTROL, cpus, p, PROT_READ), EINVAL);
	FAILS(map(fd, KSONDE_REGION_CONTROL, 0xffff, p, PROT_READ), EINVAL);
	FAILS(mmap(NULL, p, PROT_READ, MAP_SHARED, fd, p), EINVAL);
	FAILS(mmap(NULL, p, PROT_READ, MAP_SHARED, fd, 1UL << 39), EINVAL);
	FAILS(mmap(NULL, 2 * RING, PROT_READ, MAP_SHARED, fd,
		   KSONDE_MMAP_OFFSET(KSONDE_REGION_DATA, 0) + p), EINVAL);
	FAILS(mmap(NULL, p, PROT_READ, MAP_PRIVATE, fd, 0), EINVAL);
	CHECK(mmap(NULL, p, PROT_READ, MAP_SHARED, fd, 1) == MAP_FAILED);

	/* A mapping does not grow, and a child does not get it. */
	CHECK(mremap(data, 2 * RING, 4 * RING, MREMAP_MAYMOVE) == MAP_FAILED);
	if (!fork()) {
		unsigned char seen;

		_exit(mincore(data, p, &seen) == -1 && errno == ENOMEM ? 0 : 1);
	}
	int status;

	CHECK(wait(&status) > 0 && status == 0);

	/* Read through mappings, or by read(2), never both. */
	FAILS(syscall(SYS_read, fd, malloc(65536), 65536), EBUSY);

	/* What is mapped outlives the session. */
	act();
	CHECK(!ioctl(fd, KSONDE_IOC_STOP, 0));
	close(fd);
	CHECK(((struct ksonde_control *)control)->bytes == RING);
	*(volatile uint64_t *)position = 1;
	CHECK(*(volatile uint8_t *)data + ((volatile uint8_t *)data)[2 * RING - 1] >= 0);
	CHECK(!memcmp(data, (char *)data + RING, RING));
}

/* -------------------------------------------------------------- position */

/*
 * An honest position, then words that none can be.  The ring takes as many
 * records as the honest one leaves room for, and the sums are right.
 */
static void case_positions(void)
{
	int fd = started(CONNECT, KSONDE_RING_LOSSLESS_COUNT);
	struct ksonde_control *control = map(fd, KSONDE_REGION_CONTROL, 0, page(), PROT_READ);
	struct ksonde_position *reader = map(fd, KSONDE_REGION_POSITION, 0, page(),
					     PROT_READ | PROT_WRITE);
	uint64_t honest = 0;

	use_cpu(0);
	CHECK(control != MAP_FAILED && reader != MAP_FAILED);
	for (int round = 0; round < 2; round++) {
		const uint64_t words[] = {
			1, 7, 1ULL << 31, (1ULL << 31) + 1, 1ULL << 63, ~0ULL, ~7ULL,
			control->head + 8, control->head + RING, honest - 8, 0,
			0x8000000000000001ULL,
		};

		for (int i = 0; i < 300; i++)
			act();
		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
			struct ksonde_cpu_stats ring = { .size = sizeof(ring) };

			if (words[w] - honest <= control->head - honest)
				continue;
			__atomic_store_n(&reader->position, words[w], __ATOMIC_RELEASE);
			for (int i = 0; i < 100; i++)
				act();
			CHECK(control->head - honest <= RING);
			CHECK(!ioctl(fd, KSONDE_IOC_CPU_STATS, &ring));
			CHECK(ring.position == honest && ring.head == control->head);
			CHECK(ring.bytes == RING && ring.dropped == control->dropped);
		}
		CHECK(control->dropped > 0);
		honest = control->head;
		__atomic_store_n(&reader->position, honest, __ATOMIC_RELEASE);
		act();
		CHECK(control->head > honest);
	}
	struct ksonde_stats stats = stats_of(fd);

	CHECK(stats.dropped[KSONDE_DROP_FULL] > 1000);
	CHECK(stats.produced == stats.delivered + stats.dropped[KSONDE_DROP_FULL] +
	      stats.dropped[KSONDE_DROP_NESTED] + stats.dropped[KSONDE_DROP_MISSED]);
	/* Somewhere within a record: the reader's own misfortune. */
	__atomic_store_n(&reader->position, honest + 3, __ATOMIC_RELEASE);
	for (int i = 0; i < 1000; i++)
		act();
	CHECK(control->head - honest <= RING + 3);
	close(fd);
}

static volatile bool stop;

static void *scribble(void *page_of_position)
{
	volatile uint64_t *word = page_of_position;
	uint64_t state = 88172645463325252ULL;

	while (!stop) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		*word = state >> (state % 64);
	}
	return NULL;
}

static void *close_later(void *fd)
{
	usleep(3000);
	close((int)(intptr_t)fd);
	return NULL;
}

/* The position changes all the time while records are made; MODE. */
static void case_scribble(unsigned int mode)
{
	int fd = started(CONNECT, mode);
	struct ksonde_control *control = map(fd, KSONDE_REGION_CONTROL, 0, page(), PROT_READ);
	void *reader = map(fd, KSONDE_REGION_POSITION, 0, page(), PROT_READ | PROT_WRITE);
	struct ksonde_stats stats;
	pthread_t thread;

	CHECK(control != MAP_FAILED && reader != MAP_FAILED);
	CHECK(!pthread_create(&thread, NULL, scribble, reader));
	use_cpu(0);
	for (int i = 0; i < 20000; i++)
		act();
	stop = true;
	pthread_join(thread, NULL);
	stats = stats_of(fd);
	CHECK(stats.produced >= 20000);
	CHECK(stats.produced == stats.delivered + stats.dropped[KSONDE_DROP_FULL] +
	      stats.dropped[KSONDE_DROP_NESTED] + stats.dropped[KSONDE_DROP_MISSED]);
	CHECK(!ioctl(fd, KSONDE_IOC_STOP, 0));
	close(fd);
}

/* ---------------------------------------------------------------- ioctls */

static const struct {
	unsigned long command;
	uint32_t size;
} structs[] = {
	{ KSONDE_IOC_INFO, sizeof(struct ksonde_info) },
	{ KSONDE_IOC_SCHEMA, sizeof(struct ksonde_schema) },
	{ KSONDE_IOC_HOOK, sizeof(struct ksonde_hook_info) },
	{ KSONDE_IOC_SET_EVENTS, sizeof(struct ksonde_events) },
	{ KSONDE_IOC_SET_FILTER, sizeof(struct ksonde_filter) },
	{ KSONDE_IOC_SET_RING, sizeof(struct ksonde_ring_setup) },
	{ KSONDE_IOC_STATS, sizeof(struct ksonde_stats) },
	{ KSONDE_IOC_EVENT_STATS, sizeof(struct ksonde_event_stats) },
	{ KSONDE_IOC_CPU_STATS, sizeof(struct ksonde_cpu_stats) },
	{ KSONDE_IOC_SET_RULES, sizeof(struct ksonde_rules) },
	{ KSONDE_IOC_RULE_STATS, sizeof(struct ksonde_rule_stats) },
	{ KSONDE_IOC_SET_LIMITS, sizeof(struct ksonde_limits) },
	{ KSONDE_IOC_SET_PORT_SCAN, sizeof(struct ksonde_port_scan) },
};
#define STRUCTS	(sizeof(structs) / sizeof(structs[0]))

/* A page that is there and one that is not. */
static char *half_mapped(void)
{
	char *two = mmap(NULL, 2 * page(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(two != MAP_FAILED && !munmap(two + page(), page()));
	return two + page();
}

static void sizes(int fd, unsigned long command, uint32_t size)
{
	static const uint32_t bad[] = { 0, 1, 2, 3, 4, 7 };
	static const uint32_t big[] = { 1U << 31, ~0U, (1U << 31) - 1, 8192 };
	char *edge = half_mapped();
	char buffer[16384] = { 0 };
	uint32_t *at = (void *)buffer;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		*at = bad[i];
		FAILS(ioctl(fd, command, buffer), EINVAL);
	}
	for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++) {
		*at = big[i];
		FAILS(ioctl(fd, command, buffer), E2BIG);
	}
	/* Longer, its unknown tail not zero, then zero. */
	*at = size + 8;
	buffer[size + 3] = 1;
	FAILS(ioctl(fd, command, buffer), E2BIG);
	buffer[size + 3] = 0;
	errno = 0;
	CHECK(!ioctl(fd, command, buffer) || (errno != E2BIG && errno != EFAULT));
	/* Pointers that are none, or half one, or the kernel's. */
	FAILS(ioctl(fd, command, NULL), EFAULT);
	FAILS(ioctl(fd, command, (void *)8), EFAULT);
	FAILS(ioctl(fd, command, (void *)-4096UL), EFAULT);
	FAILS(ioctl(fd, command, (void *)0xffffffff81000000UL), EFAULT);
	FAILS(ioctl(fd, command, (void *)0x8000000000000000UL), EFAULT);
	FAILS(ioctl(fd, command, edge), EFAULT);
	FAILS(ioctl(fd, command, edge - 2), EFAULT);
	at = (void *)(edge - 4);
	*at = size;
	FAILS(ioctl(fd, command, at), EFAULT);
	at = (void *)(edge - (size - 4));
	memset(at, 0, size - 4);
	*at = size;
	FAILS(ioctl(fd, command, at), EFAULT);
}

static void flags(int fd)
{
	struct ksonde_events events = { .size = sizeof(events) };
	struct ksonde_filter filter = { .size = sizeof(filter), .flags = 4 };
	struct ksonde_ring_setup ring = { .size = sizeof(ring), .bytes = RING, .mode = 2 };
	struct ksonde_schema schema = { .size = sizeof(schema), .reserved = 1 };
	struct ksonde_hook_info hook = { .size = sizeof(hook), .index = 100000 };
	struct ksonde_event_stats event = { .size = sizeof(event), .event = 5 };
	struct ksonde_cpu_stats cpu = { .size = sizeof(cpu), .cpu = 100000 };
	struct ksonde_cpu_stats cpu0 = { .size = sizeof(cpu0) };

	events.mask[15] = 1ULL << 63;
	FAILS(ioctl(fd, KSONDE_IOC_SET_EVENTS, &events), EINVAL);
	events.mask[15] = 0;
	events.reserved = 1;
	FAILS(ioctl(fd, KSONDE_IOC_SET_EVENTS, &events), EINVAL);
	FAILS(ioctl(fd, KSONDE_IOC_SET_FILTER, &filter), EINVAL);
	filter.flags = 1U << 31;
	FAILS(ioctl(fd, KSONDE_IOC_SET_FILTER, &filter), EINVAL);
	filter.flags = KSONDE_FILTER_TREE;
	filter.tree_tgid = 0;
	FAILS(ioctl(fd, KSONDE_IOC_SET_FILTER, &filter), ESRCH);
	filter.tree_tgid = 0x7fffffff;
	FAILS(ioctl(fd, KSONDE_IOC_SET_FILTER, &filter), ESRCH);
	filter.tree_tgid = ~0U;
	FAILS(ioctl(fd, KSONDE_IOC_SET_FILTER, &filter), ESRCH);
	FAILS(ioctl(fd, KSONDE_IOC_SET_RING, &ring), EINVAL);
	ring.mode = 0;
	const uint64_t bytes[] = { 0, 1, 4096, RING - 1, RING + 1, 3 * RING, 1ULL << 31,
				   1ULL << 40, 1ULL << 63, ~0ULL };

	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		ring.bytes = bytes[i];
		FAILS(ioctl(fd, KSONDE_IOC_SET_RING, &ring), EINVAL);
	}
	ring.bytes = RING;
	ring.watermark = RING + 1;
	FAILS(ioctl(fd, KSONDE_IOC_SET_RING, &ring), EINVAL);
	ring.watermark = 0;
	ring.latency_ns = 1000000001;
	FAILS(ioctl(fd, KSONDE_IOC_SET_RING, &ring), EINVAL);
	FAILS(ioctl(fd, KSONDE_IOC_SCHEMA, &schema), EINVAL);
	schema.reserved = 0;
	FAILS(ioctl(fd, KSONDE_IOC_SCHEMA, &schema), ENOSPC);
	CHECK(schema.needed > 1000);
	schema.length = schema.needed;
	FAILS(ioctl(fd, KSONDE_IOC_SCHEMA, &schema), EFAULT);
	schema.length = ~0U;
	schema.buffer = (uintptr_t)half_mapped() - 100;
	FAILS(ioctl(fd, KSONDE_IOC_SCHEMA, &schema), EFAULT);
	schema.buffer = 0xffffffff81000000UL;
	FAILS(ioctl(fd, KSONDE_IOC_SCHEMA, &schema), EFAULT);
	FAILS(ioctl(fd, KSONDE_IOC_HOOK, &hook), ENOENT);
	hook.index = ~0U;
	FAILS(ioctl(fd, KSONDE_IOC_HOOK, &hook), ENOENT);
	FAILS(ioctl(fd, KSONDE_IOC_EVENT_STATS, &event), EINVAL);
	FAILS(ioctl(fd, KSONDE_IOC_CPU_STATS, &cpu), ENOENT);
	cpu.cpu = ~0U;
	FAILS(ioctl(fd, KSONDE_IOC_CPU_STATS, &cpu), ENOENT);
	FAILS(ioctl(fd, KSONDE_IOC_CPU_STATS, &cpu0), EINVAL);
	FAILS(ioctl(fd, KSONDE_IOC_START, 1), EINVAL);
	FAILS(ioctl(fd, KSONDE_IOC_STOP, 1), EINVAL);
	FAILS(ioctl(fd, KSONDE_IOC_STOP, 0), EINVAL);
}

static int one_rule(int fd, struct ksonde_rule *rule)
{
	struct ksonde_rules rules = { .size = sizeof(rules), .count = 1,
				      .rules = (uintptr_t)rule, .rule_size = sizeof(*rule) };

	return ioctl(fd, KSONDE_IOC_SET_RULES, &rules);
}

/* file_write, file_read, file_created_closed */
#define OF_PATHS	{ [9] = (1ULL << 32) | (1ULL << 33) | (1ULL << 37) }

#define OF_CONNECT	{ [CONNECT / 64] = 1ULL << CONNECT % 64 }

/* Each with one thing wrong, then right. */
static void one_by_one(int fd)
{
	static const struct ksonde_rule wrong[] = {
		{ .action = 2 },
		{ .action = ~0U },
		{ .match = 0x200 },
		{ .match = 1U << 31 },
		{ .path_length = 1 },
		{ .path_length = 1, .path = "/" },
		{ .path = "/" },
		{ .match = KSONDE_MATCH_PATH_PREFIX, .events = OF_PATHS },
		{ .match = KSONDE_MATCH_PATH_PREFIX, .path_length = 1, .path = "/" },
		{ .match = KSONDE_MATCH_PATH_PREFIX, .path_length = 2, .path = "/", .events = OF_PATHS },
		{ .match = KSONDE_MATCH_PATH_PREFIX, .path_length = 257, .path = "/", .events = OF_PATHS },
		{ .match = KSONDE_MATCH_PATH_PREFIX, .path_length = 1, .path = "/",
		  .events = { [CONNECT / 64] = 1ULL << CONNECT % 64, [9] = 1ULL << 32 } },
		{ .match = KSONDE_MATCH_NETWORK, .family = 2 },
		{ .match = KSONDE_MATCH_NETWORK, .events = OF_CONNECT },
		{ .match = KSONDE_MATCH_NETWORK, .family = 1, .events = OF_CONNECT },
		{ .match = KSONDE_MATCH_NETWORK, .family = ~0U, .events = OF_CONNECT },
		{ .match = KSONDE_MATCH_NETWORK, .family = 2, .prefix = 33, .events = OF_CONNECT },
		{ .match = KSONDE_MATCH_NETWORK, .family = 10, .prefix = 129, .events = OF_CONNECT },
		{ .match = KSONDE_MATCH_NETWORK, .family = 10, .prefix = ~0U, .events = OF_CONNECT },
		{ .match = KSONDE_MATCH_NETWORK, .family = 2, .network = { 1 }, .events = OF_CONNECT },
		{ .match = KSONDE_MATCH_NETWORK, .family = 2, .prefix = 32, .network = { [4] = 1 },
		  .events = OF_CONNECT },
		{ .family = 2 },
		{ .prefix = 1 },
		{ .network = { [15] = 1 } },
		{ .uid = 1 },
		{ .tgid = 1 },
		{ .start_time = 1 },
		{ .cgroup = 1 },
		{ .mnt_ns = 1 },
		{ .pid_ns = 1 },
		{ .exe_length = 1, .exe = "/" },
		{ .exe = "/" },
		{ .match = KSONDE_MATCH_EXE },
		{ .match = KSONDE_MATCH_EXE_PREFIX, .exe = "/" },
		{ .match = KSONDE_MATCH_EXE, .exe_length = 2, .exe = "/" },
		{ .match = KSONDE_MATCH_EXE, .exe_length = 1, .exe = "/a" },
		{ .match = KSONDE_MATCH_EXE, .exe_length = 257, .exe = "/" },
		{ .match = KSONDE_MATCH_EXE, .exe_length = ~0U, .exe = "/" },
		{ .match = KSONDE_MATCH_EXE | KSONDE_MATCH_EXE_PREFIX, .exe_length = 1, .exe = "/" },
		{ .events = { [CONNECT / 64] = 1ULL << CONNECT % 64, [15] = 1ULL << 63 } },
		{ .events = { 1 } },
	};
	struct ksonde_rule rule = { .action = KSONDE_RULE_INCLUDE };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		rule = wrong[i];
		FAILS(one_rule(fd, &rule), EINVAL);
	}
	memset(&rule, 0, sizeof(rule));
	rule.match = KSONDE_MATCH_EXE;
	rule.exe_length = sizeof(rule.exe);
	memset(rule.exe, '/', sizeof(rule.exe));
	CHECK(!one_rule(fd, &rule));
	rule.match |= KSONDE_MATCH_PATH_PREFIX;
	rule.events[9] = 1ULL << 33;
	rule.path_length = sizeof(rule.path);
	memset(rule.path, '/', sizeof(rule.path));
	CHECK(!one_rule(fd, &rule));
	memset(&rule, 0, sizeof(rule));
	rule.match = KSONDE_MATCH_NETWORK;
	rule.events[CONNECT / 64] = 1ULL << CONNECT % 64;
	rule.family = 10;
	rule.prefix = 128;
	memset(rule.network, 0xff, sizeof(rule.network));
	CHECK(!one_rule(fd, &rule));
}

static void case_rules(void)
{
	struct ksonde_rule many[KSONDE_RULES_MAX + 1] = { { .action = KSONDE_RULE_INCLUDE } };
	struct ksonde_rules rules = { .size = sizeof(rules), .count = KSONDE_RULES_MAX,
				      .rules = (uintptr_t)many, .rule_size = sizeof(many[0]) };
	struct ksonde_rule_stats stats = { .size = sizeof(stats) };
	char wide[2 * (sizeof(many[0]) + 8)] = { 0 };
	int fd = started(CONNECT, 0);

	FAILS(ioctl(fd, KSONDE_IOC_RULE_STATS, &stats), ENOENT);
	CHECK(!ioctl(fd, KSONDE_IOC_SET_RULES, &rules));
	act();
	/* All others exclude everything, and the first of them decides. */
	CHECK(!ioctl(fd, KSONDE_IOC_RULE_STATS, &stats) && !stats.records);
	stats.index = 1;
	CHECK(!ioctl(fd, KSONDE_IOC_RULE_STATS, &stats) && stats.records == 1);
	/* What fails changes nothing: the counters would begin anew. */
	one_by_one(open_device());
	rules.reserved = 1;
	FAILS(ioctl(fd, KSONDE_IOC_SET_RULES, &rules), EINVAL);
	rules.reserved = 0;
	const uint32_t counts[] = { KSONDE_RULES_MAX + 1, 1U << 31, ~0U };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		rules.count = counts[i];
		FAILS(ioctl(fd, KSONDE_IOC_SET_RULES, &rules), E2BIG);
	}
	rules.count = 2;
	const uint32_t sizes_of[] = { 4097, 8192, 1U << 31, ~0U };

	for (size_t i = 0; i < sizeof(sizes_of) / sizeof(sizes_of[0]); i++) {
		rules.rule_size = sizes_of[i];
		FAILS(ioctl(fd, KSONDE_IOC_SET_RULES, &rules), E2BIG);
	}
	for (rules.rule_size = 0; rules.rule_size < 8; rules.rule_size++)
		FAILS(ioctl(fd, KSONDE_IOC_SET_RULES, &rules), EINVAL);
	rules.rule_size = sizeof(many[0]);
	const uint64_t nowhere[] = { 0, 8, -4096UL, 0xffffffff81000000UL, 0x8000000000000000UL,
				     ~0UL - 100, (uintptr_t)half_mapped(),
				     (uintptr_t)half_mapped() - sizeof(many[0]) - 8 };

	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		rules.rules = nowhere[i];
		FAILS(ioctl(fd, KSONDE_IOC_SET_RULES, &rules), EFAULT);
	}
	/* Longer rules, the second one with something that is not known. */
	rules.rules = (uintptr_t)wide;
	rules.rule_size = sizeof(wide) / 2;
	wide[sizeof(wide) - 1] = 1;
	FAILS(ioctl(fd, KSONDE_IOC_SET_RULES, &rules), E2BIG);
	CHECK(!ioctl(fd, KSONDE_IOC_RULE_STATS, &stats));
	CHECK(stats.records == 1);
	stats.index = KSONDE_RULES_MAX;
	FAILS(ioctl(fd, KSONDE_IOC_RULE_STATS, &stats), ENOENT);
	wide[sizeof(wide) - 1] = 0;
	CHECK(!ioctl(fd, KSONDE_IOC_SET_RULES, &rules));
	/* As short as can be: an action and what it matches, everything. */
	rules.rule_size = 8;
	rules.count = KSONDE_RULES_MAX;
	CHECK(!ioctl(fd, KSONDE_IOC_SET_RULES, &rules));
	stats.index = KSONDE_RULE_NONE;
	CHECK(!ioctl(fd, KSONDE_IOC_RULE_STATS, &stats) && !stats.records);
	rules.count = 0;
	rules.rules = 8;
	CHECK(!ioctl(fd, KSONDE_IOC_SET_RULES, &rules));
	FAILS(ioctl(fd, KSONDE_IOC_RULE_STATS, &stats), ENOENT);
	close(fd);
}

static void case_limits(void)
{
	static const struct ksonde_limit wrong[] = {
		{ .event = CONNECT },
		{ .event = 5, .per_second = 1 },
		{ .event = 900, .per_second = 1 },
		{ .event = 901, .per_process = 1 },
		{ .event = ~0U, .per_second = 1 },
		{ .event = CONNECT, .per_second = KSONDE_LIMIT_MAX + 1 },
		{ .event = CONNECT, .per_process = KSONDE_LIMIT_MAX + 1 },
		{ .event = CONNECT, .per_process = ~0U },
		{ .event = CONNECT, .per_second = 1, .reserved = 1 },
	};
	struct ksonde_limit two[] = {
		{ .event = CONNECT, .per_second = 1 },
		{ .event = CREATE_FILE, .per_second = KSONDE_LIMIT_MAX,
		  .per_process = KSONDE_LIMIT_MAX },
	};
	struct ksonde_limits limits = { .size = sizeof(limits), .count = 2,
					.limits = (uintptr_t)two, .limit_size = sizeof(two[0]) };
	char wide[2 * (sizeof(two[0]) + 8)] = { 0 };
	int fd = started(CONNECT, 0);

	CHECK(!ioctl(fd, KSONDE_IOC_SET_LIMITS, &limits));
	/* What fails changes nothing: a share would be whole again. */
	act();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		two[1] = wrong[i];
		FAILS(ioctl(fd, KSONDE_IOC_SET_LIMITS, &limits), EINVAL);
	}
	two[1] = two[0];
	FAILS(ioctl(fd, KSONDE_IOC_SET_LIMITS, &limits), EINVAL);
	limits.reserved = 1;
	FAILS(ioctl(fd, KSONDE_IOC_SET_LIMITS, &limits), EINVAL);
	limits.reserved = 0;
	for (limits.limit_size = 0; limits.limit_size < 8; limits.limit_size++)
		FAILS(ioctl(fd, KSONDE_IOC_SET_LIMITS, &limits), EINVAL);
	limits.limit_size = 4097;
	FAILS(ioctl(fd, KSONDE_IOC_SET_LIMITS, &limits), E2BIG);
	limits.limit_size = sizeof(two[0]);
	limits.count = KSONDE_LIMITS_MAX + 1;
	FAILS(ioctl(fd, KSONDE_IOC_SET_LIMITS, &limits), E2BIG);
	limits.count = 2;
	limits.limits = (uintptr_t)half_mapped() - sizeof(two[0]) - 8;
	memcpy((void *)(uintptr_t)limits.limits, two, sizeof(two[0]));
	FAILS(ioctl(fd, KSONDE_IOC_SET_LIMITS, &limits), EFAULT);
	limits.limits = 0xffffffff81000000UL;
	FAILS(ioctl(fd, KSONDE_IOC_SET_LIMITS, &limits), EFAULT);
	for (int i = 0; i < 100; i++)
		act();
	struct ksonde_stats stats = stats_of(fd);

	CHECK(stats.dropped[KSONDE_DROP_RATE_LIMIT] > 50);
	CHECK(stats.produced == stats.delivered + stats.dropped[KSONDE_DROP_RATE_LIMIT]);
	/* Longer ones, the second with something that is not known. */
	two[1].event = CREATE_FILE;
	memcpy(wide, &two[0], sizeof(two[0]));
	memcpy(wide + sizeof(wide) / 2, &two[1], sizeof(two[1]));
	limits.limits = (uintptr_t)wide;
	limits.limit_size = sizeof(wide) / 2;
	wide[sizeof(wide) - 1] = 1;
	FAILS(ioctl(fd, KSONDE_IOC_SET_LIMITS, &limits), E2BIG);
	wide[sizeof(wide) - 1] = 0;
	CHECK(!ioctl(fd, KSONDE_IOC_SET_LIMITS, &limits));
	limits.count = 0;
	limits.limits = 8;
	CHECK(!ioctl(fd, KSONDE_IOC_SET_LIMITS, &limits));
	close(fd);
}

static void inspect(int fd)
{
	struct ksonde_inspect ask = { .size = sizeof(ask), .what = 77 };

	FAILS(ioctl(fd, KSONDE_IOC_INSPECT, &ask), EOPNOTSUPP);
	ask.what = KSONDE_INSPECT_LSM;
	ask.reserved = 1;
	FAILS(ioctl(fd, KSONDE_IOC_INSPECT, &ask), EINVAL);
	ask.reserved = 0;
	FAILS(ioctl(fd, KSONDE_IOC_INSPECT, &ask), ENOSPC);
	CHECK(ask.needed && !ask.length);
	ask.length = ~0U;
	ask.buffer = 0xffffffff81000000UL;
	FAILS(ioctl(fd, KSONDE_IOC_INSPECT, &ask), EFAULT);
	ask.buffer = (unsigned long)(half_mapped() - 8);
	FAILS(ioctl(fd, KSONDE_IOC_INSPECT, &ask), EFAULT);
	ask.what = KSONDE_INSPECT_INTEGRITY;
	ask.part = ~0U;
	FAILS(ioctl(fd, KSONDE_IOC_INSPECT, &ask), ENOENT);
	ask.part = 0;
	ask.address = 1;
	FAILS(ioctl(fd, KSONDE_IOC_INSPECT, &ask), EINVAL);
	for (ask.what = KSONDE_INSPECT_CODE, ask.address = 0; ask.address < 64; ask.address++) {
		struct ksonde_inspect code = ask;

		/* No address of the kernel's text has so few bits, or so many. */
		code.address = (1UL << ask.address) - 1;
		FAILS(ioctl(fd, KSONDE_IOC_INSPECT, &code), EFAULT);
		code.address = ~code.address;
		code.length = 0;
		if (!ioctl(fd, KSONDE_IOC_INSPECT, &code))
			CHECK(code.needed && code.address >> 31 == 0x1ffffffffUL);
	}
}

static void case_ioctls(void)
{
	static const unsigned long unknown[] = {
		0, 1, ~0U, _IO(KSONDE_IOC_MAGIC, 16), _IO(KSONDE_IOC_MAGIC, 255),
		_IO('x', 0), _IOR(KSONDE_IOC_MAGIC, 0, uint64_t),
		_IOWR(KSONDE_IOC_MAGIC, 3, struct ksonde_events), 0x5401, 0x541b,
	};
	struct ksonde_ring_setup ring = { .size = sizeof(ring), .bytes = RING };
	struct ksonde_events events = { .size = sizeof(events) };
	char buffer[65536];
	int fd = open_device();

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		CHECK(ioctl(fd, unknown[i], 0) == -1 && errno == ENOTTY);
	for (size_t i = 0; i < STRUCTS; i++)
		sizes(fd, structs[i].command, structs[i].size);
	/* Not among those that are called at random: each look takes a while. */
	sizes(fd, KSONDE_IOC_INSPECT, sizeof(struct ksonde_inspect));
	inspect(fd);
	flags(fd);
	/* Nothing wanted, no rings, and then too late. */
	FAILS(ioctl(fd, KSONDE_IOC_SET_EVENTS, &events) ? -2 : ioctl(fd, KSONDE_IOC_START, 0),
	      EINVAL);
	FAILS(read(fd, buffer, sizeof(buffer)), EINVAL);
	set_up(fd, CONNECT, 0);
	CHECK(!ioctl(fd, KSONDE_IOC_START, 0));
	FAILS(ioctl(fd, KSONDE_IOC_START, 0), EBUSY);
	FAILS(ioctl(fd, KSONDE_IOC_SET_RING, &ring), EBUSY);
	FAILS(ioctl(fd, KSONDE_IOC_SET_EVENTS, &events), EBUSY);
	/* read(2): whole records or nothing. */
	act();
	FAILS(read(fd, buffer, 0), EMSGSIZE);
	FAILS(read(fd, buffer, 8), EMSGSIZE);
	FAILS(syscall(SYS_read, fd, NULL, sizeof(buffer)), EFAULT);
	FAILS(syscall(SYS_read, fd, 0xffffffff81000000UL, sizeof(buffer)), EFAULT);
	FAILS(syscall(SYS_read, fd, half_mapped() - 8, 4096), EFAULT);
	CHECK(read(fd, buffer, sizeof(buffer)) > 0);
	CHECK(((struct ksonde_header *)buffer)->event == 901);
	FAILS(syscall(SYS_write, fd, buffer, 8), EINVAL);
	FAILS(lseek(fd, 0, SEEK_SET), ESPIPE);
	FAILS(map(fd, KSONDE_REGION_CONTROL, 0, page(), PROT_READ), EBUSY);
	CHECK(!ioctl(fd, KSONDE_IOC_STOP, 0));
	close(fd);
}

static void case_sessions(void)
{
	struct ksonde_info info = { .size = sizeof(info) };
	int first = open_device(), fds[64];
	unsigned int n = 0;

	CHECK(!ioctl(first, KSONDE_IOC_INFO, &info));
	CHECK(info.max_sessions >= 2 && info.max_sessions <= 32);
	while ((fds[n] = open("/dev/ksonde", O_RDWR)) >= 0)
		CHECK(++n < 64);
	CHECK(errno == EMFILE || errno == EBUSY);
	CHECK(n + info.sessions == info.max_sessions);
	while (n--)
		close(fds[n]);
	CHECK(!ioctl(first, KSONDE_IOC_INFO, &info));
	fds[0] = open("/dev/ksonde", O_RDWR);
	CHECK(fds[0] >= 0);
}

/* ---------------------------------------------------------------- random */

static uint64_t state;
static unsigned int mappings;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t odd_number(void)
{
	switch (rnd() % 8) {
	case 0:
		return 0;
	case 1:
		return 1ULL << (rnd() % 64);
	case 2:
		return (1ULL << (rnd() % 64)) - 1;
	case 3:
		return -(rnd() % 64);
	case 4:
		return rnd();
	case 5:
		return RING << rnd() % 6;
	default:
		return rnd() % 1024;
	}
}

/* Almost right. */
static void random_rules(uint64_t *words, char *room)
{
	struct ksonde_rules rules = { .size = sizeof(rules), .count = rnd() % 66,
				      .rules = (uintptr_t)room,
				      .rule_size = sizeof(struct ksonde_rule) };
	struct ksonde_rule *rule = (void *)room;

	memset(room, 0, KSONDE_RULES_MAX * sizeof(*rule));
	for (uint32_t i = 0; i < rules.count && i < KSONDE_RULES_MAX; i++, rule++) {
		rule->action = rnd() % 2;
		rule->match = rnd() % 0x80 & ~(rnd() % 2 ? KSONDE_MATCH_EXE :
							   KSONDE_MATCH_EXE_PREFIX);
		rule->uid = rule->match & KSONDE_MATCH_UID ? rnd() % 2 : 0;
		rule->tgid = rule->match & KSONDE_MATCH_PROCESS ? odd_number() : 0;
		rule->mnt_ns = rule->match & KSONDE_MATCH_MNT_NS ? odd_number() : 0;
		rule->pid_ns = rule->match & KSONDE_MATCH_PID_NS ? odd_number() : 0;
		rule->cgroup = rule->match & KSONDE_MATCH_CGROUP ? odd_number() : 0;
		if (rule->match & (KSONDE_MATCH_EXE | KSONDE_MATCH_EXE_PREFIX)) {
			rule->exe_length = 1 + rnd() % KSONDE_RULE_EXE_MAX;
			memset(rule->exe, '/', rule->exe_length);
		}
		if (rnd() % 4 == 0) {
			rule->events[CONNECT / 64] = 1ULL << CONNECT % 64;
		} else if (rnd() % 4 == 0) {
			rule->events[9] = 3ULL << 32 & rnd();
			rule->match |= KSONDE_MATCH_PATH_PREFIX;
			rule->path_length = 1 + rnd() % KSONDE_RULE_EXE_MAX;
			memset(rule->path, '/', rule->path_length);
		}
		if (rnd() % 512 == 0)
			((uint64_t *)rule)[rnd() % (sizeof(*rule) / 8)] = odd_number();
	}
	memcpy(words, &rules, sizeof(rules));
}

static void random_limits(uint64_t *words, char *room)
{
	struct ksonde_limits limits = { .size = sizeof(limits), .count = 1 + rnd() % 2,
					.limits = (uintptr_t)room,
					.limit_size = sizeof(struct ksonde_limit) };
	struct ksonde_limit two[] = {
		{ .event = CONNECT, .per_second = rnd() % 200, .per_process = rnd() % 100 },
		{ .event = rnd() % 8 ? CREATE_FILE : odd_number(), .per_second = odd_number() },
	};

	memcpy(room, two, sizeof(two));
	memcpy(words, &limits, sizeof(limits));
}

/* One that succeeds by chance is kept until the next one does: it keeps its session open. */
static void random_mapping(int fd)
{
	static void *kept;
	static size_t kept_length;
	size_t length;
	void *at = mmap(NULL, length = odd_number(), rnd() % 8, rnd() % 4, fd,
			odd_number() << 12);

	if (at == MAP_FAILED)
		return;
	mappings++;
	if (kept)
		munmap(kept, kept_length);
	kept = at;
	kept_length = length;
}

static void random_call(int fd, char *low, char *edge)
{
	size_t which = rnd() % STRUCTS;
	uint32_t size = structs[which].size;
	unsigned long command = structs[which].command;
	uint64_t words[160];
	char *at = low;

	for (size_t i = 0; i < size / 8 + 2 && i < 160; i++)
		words[i] = rnd() % 3 ? 0 : odd_number();
	if (rnd() % 8)
		words[0] = (words[0] & ~0xffffffffULL) | size;
	if (command == KSONDE_IOC_SET_EVENTS && rnd() % 2) {
		memset(words, 0, sizeof(words));
		words[0] = size;
		if (rnd() % 2)
			words[1 + CONNECT / 64] = 1ULL << (CONNECT % 64);
	}
	/* What is accepted waits for all probes that run: rarely. */
	if (command == KSONDE_IOC_SET_RULES && rnd() % 32 == 0)
		random_rules(words, low + 32768);
	if (command == KSONDE_IOC_SET_LIMITS && rnd() % 32 == 0)
		random_limits(words, low + 32768);
	if (rnd() % 16 == 0)
		at = edge - rnd() % (size + 64);
	if (rnd() % 64 == 0)
		at = (char *)odd_number();
	if (rnd() % 32 == 0)
		command = rnd() % 2 ? _IO(KSONDE_IOC_MAGIC, rnd() % 256) : odd_number();
	/* Arming costs 40 ms and more: rarely. */
	if ((command & 0xff) == 6 || (command & 0xff) == 7)
		command = KSONDE_IOC_INFO;
	if (at == low) {
		memcpy(at, words, size + 8);
	} else if (at >= edge - 4096 && at < edge) {
		memcpy(at, words, edge - at < (long)size ? (size_t)(edge - at) : size);
	}
	if (rnd() % 1024 == 0)
		random_mapping(fd);
	ioctl(fd, command, at);
}

/* calls seed seconds: at least that many calls, at most that long. */
static void case_random(unsigned long calls, uint64_t seed, unsigned int seconds)
{
	char *low = mmap(NULL, 131072, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *edge = half_mapped();
	int fd[3] = { open_device(), open_device(), open_device() };
	unsigned long done = 0, starts = 0;
	time_t begin = time(NULL);

	state = seed * 2654435761U + 1;
	for (; done < calls && time(NULL) - begin < seconds; done++) {
		int at = rnd() % 3;

		random_call(fd[at], low, edge);
		if (rnd() % 64 == 0)
			act();
		if (rnd() % 40000 == 0) {
			starts += !ioctl(fd[at], KSONDE_IOC_START, 0);
		} else if (rnd() % 40000 == 0) {
			ioctl(fd[at], KSONDE_IOC_STOP, 0);
		} else if (rnd() % 20000 == 0) {
			close(fd[at]);
			fd[at] = open_device();
		}
		if (done % 100000 == 99999)
			fprintf(stderr, "%lu calls, %lu starts, %u mappings\n", done + 1, starts,
				mappings);
	}
	printf("%lu %lu %u\n", done, starts, mappings);
	CHECK(done == calls);
}

/* ----------------------------------------------------------------- races */

static void *poll_and_read(void *number)
{
	char buffer[65536];
	int fd = (int)(intptr_t)number;

	for (int i = 0; i < 50 && !stop; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		poll(&p, 1, 10);
		if (read(fd, buffer, sizeof(buffer)) < 0 && errno == EBADF)
			break;
	}
	return NULL;
}

/* One thread reads and polls while another one closes, and starts and stops. */
static void case_close(void)
{
	for (int round = 0; round < 12; round++) {
		int fd = started(CONNECT, round % 2);
		pthread_t reader[2], closer;

		fcntl(fd, F_SETFL, O_NONBLOCK);
		stop = false;
		for (int i = 0; i < 2; i++)
			CHECK(!pthread_create(&reader[i], NULL, poll_and_read,
					      (void *)(intptr_t)fd));
		if (round % 3 == 2) {
			ioctl(fd, KSONDE_IOC_STOP, 0);
			ioctl(fd, KSONDE_IOC_START, 0);
		}
		CHECK(!pthread_create(&closer, NULL, close_later, (void *)(intptr_t)fd));
		for (int i = 0; i < 200; i++)
			act();
		pthread_join(closer, NULL);
		stop = true;
		for (int i = 0; i < 2; i++)
			pthread_join(reader[i], NULL);
	}
}

/* A blocking read(2) ends by a signal, and when the session stops. */
static void *stop_later(void *fd)
{
	usleep(200000);
	CHECK(!ioctl((int)(intptr_t)fd, KSONDE_IOC_STOP, 0));
	return NULL;
}

static void case_blocking(void)
{
	int fd = started(CREATE_FILE, 0);
	static char buffer[1 << 20];
	pthread_t thread;
	ssize_t n;

	CHECK(read(fd, buffer, sizeof(buffer)) > 0);
	CHECK(!pthread_create(&thread, NULL, stop_later, (void *)(intptr_t)fd));
	/* Whatever is created meanwhile, then the end of the stream. */
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		;
	CHECK(n == 0);
	pthread_join(thread, NULL);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (!strcmp(name, "maps"))
		case_maps();
	else if (!strcmp(name, "positions"))
		case_positions();
	else if (!strcmp(name, "scribble") && argc == 3)
		case_scribble(atoi(argv[2]));
	else if (!strcmp(name, "ioctls"))
		case_ioctls();
	else if (!strcmp(name, "rules"))
		case_rules();
	else if (!strcmp(name, "limits"))
		case_limits();
	else if (!strcmp(name, "sessions"))
		case_sessions();
	else if (!strcmp(name, "random") && argc == 5)
		case_random(strtoul(argv[2], NULL, 0), strtoull(argv[3], NULL, 0), atoi(argv[4]));
	else if (!strcmp(name, "close"))
		case_close();
	else if (!strcmp(name, "blocking"))
		case_blocking();
	else
		return 2;
	return 0;
}
