// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "smoke.h"

struct ksonde_info info = { .size = sizeof(info) };
static char *schema;

static void system_up(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int s;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mkdir("/tmp", 01777);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	if (mount("tmp", "/tmp", "tmpfs", 0, "mode=1777"))
		die("mount tmpfs");
	sethostname("smoke", 5);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	if (s < 0 || ioctl(s, SIOCSIFFLAGS, &lo))
		say("note lo is down: %s", strerror(errno));
	close(s);
}

static int session_open(void)
{
	int device = open("/dev/ksonde", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (device < 0)
		die("open /dev/ksonde");
	return device;
}

static void describe(int device)
{
	struct ksonde_schema ask = { .size = sizeof(ask) };

	if (ioctl(device, KSONDE_IOC_INFO, &info))
		die("INFO");
	say_bytes("info", &info, sizeof(info));
	if (!ioctl(device, KSONDE_IOC_SCHEMA, &ask) || errno != ENOSPC)
		die("SCHEMA without room");
	schema = calloc(1, ask.needed + 1);
	ask.length = ask.needed;
	ask.buffer = (uintptr_t)schema;
	if (ioctl(device, KSONDE_IOC_SCHEMA, &ask))
		die("SCHEMA");
	say_bytes("schema", schema, ask.needed);
}

/* All but the stream's own, which come unasked. */
void events_all(struct ksonde_events *events)
{
	const char *at = schema;
	int id;

	memset(events, 0, sizeof(*events));
	events->size = sizeof(*events);
	while ((at = strstr(at, "{\"id\":"))) {
		at += 6;
		id = atoi(at);
		if (id > 0 && id < 900)
			events->mask[id / 64] |= 1ULL << id % 64;
	}
}

static void session_prepare(int device, uint64_t bytes)
{
	struct ksonde_ring_setup ring = { .size = sizeof(ring), .bytes = bytes };
	struct ksonde_events events;

	events_all(&events);
	if (ioctl(device, KSONDE_IOC_SET_EVENTS, &events))
		die("SET_EVENTS");
	if (ioctl(device, KSONDE_IOC_SET_RING, &ring))
		die("SET_RING");
}

int session_prepared(uint64_t bytes)
{
	int device = session_open();

	session_prepare(device, bytes);
	return device;
}

/* Of what is read and written, all below /tmp. */
static void session_watch(int device)
{
	static const uint64_t written = 608, read = 609;
	struct ksonde_rule rule = {
		.action = KSONDE_RULE_INCLUDE, .match = KSONDE_MATCH_PATH_PREFIX,
		.path_length = 5, .path = "/tmp/",
	};
	struct ksonde_rules rules = {
		.size = sizeof(rules), .count = 1, .rules = (uintptr_t)&rule,
		.rule_size = sizeof(rule),
	};

	rule.events[written / 64] |= 1ULL << written % 64;
	rule.events[read / 64] |= 1ULL << read % 64;
	if (ioctl(device, KSONDE_IOC_SET_RULES, &rules))
		die("SET_RULES");
}

static void session_start(int device, uint64_t bytes, const char *what)
{
	uint64_t began;

	session_prepare(device, bytes);
	session_watch(device);
	began = now_ns();
	if (ioctl(device, KSONDE_IOC_START, 0))
		die("START");
	say("time %s %llu", what, (unsigned long long)(now_ns() - began));
}

void session_hooks(int device)
{
	struct ksonde_hook_info hook;
	unsigned int i;

	for (i = 0; i < info.hooks; i++) {
		memset(&hook, 0, sizeof(hook));
		hook.size = sizeof(hook);
		hook.index = i;
		if (ioctl(device, KSONDE_IOC_HOOK, &hook))
			die("HOOK");
		say_bytes("hook", &hook, sizeof(hook));
	}
}

static void session_stats(int device)
{
	struct ksonde_stats stats = { .size = sizeof(stats) };

	if (ioctl(device, KSONDE_IOC_STATS, &stats))
		die("STATS");
	say_bytes("stats", &stats, sizeof(stats));
}

static void *map(int device, enum ksonde_region region, unsigned int cpu, size_t length, int protection)
{
	void *at = mmap(NULL, length, protection, MAP_SHARED, device, KSONDE_MMAP_OFFSET(region, cpu));

	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

/* By the mappings, one ring after the other. */
static void session_read_mapped(int device, uint64_t bytes)
{
	const struct ksonde_header *header;
	struct ksonde_position *position;
	struct ksonde_control *control;
	char *data;
	unsigned int cpu;
	uint64_t at, head;

	for (cpu = 0; cpu < info.cpus; cpu++) {
		control = map(device, KSONDE_REGION_CONTROL, cpu, info.page_size, PROT_READ);
		position = map(device, KSONDE_REGION_POSITION, cpu, info.page_size, PROT_READ | PROT_WRITE);
		data = map(device, KSONDE_REGION_DATA, cpu, 2 * bytes, PROT_READ);
		if (mmap(NULL, info.page_size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
			 KSONDE_MMAP_OFFSET(KSONDE_REGION_CONTROL, cpu)) != MAP_FAILED)
			say("note the control page can be mapped writable");
		if (!mprotect(data, info.page_size, PROT_READ | PROT_WRITE))
			say("note the data can be made writable");
		head = __atomic_load_n(&control->head, __ATOMIC_ACQUIRE);
		for (at = position->position; at < head; at += header->length) {
			header = (const void *)(data + (at & (bytes - 1)));
			say_bytes("record", header, header->length);
		}
		__atomic_store_n(&position->position, at, __ATOMIC_RELEASE);
		/* A mapping keeps the session. */
		munmap(control, info.page_size);
		munmap(position, info.page_size);
		munmap(data, 2 * bytes);
	}
}

static void session_one(int device)
{
	uint64_t bytes = 1 << 20;

	session_start(device, bytes, "arm");
	session_hooks(device);
	acts_all();
	session_hooks(device);
	look(device);
	if (ioctl(device, KSONDE_IOC_STOP, 0))
		die("STOP");
	session_stats(device);
	session_read_mapped(device, bytes);
}

/* A ring that is too small: what is lost is counted and said. */
static void session_lost(void)
{
	unsigned long long records = 0, lost = 0;
	static char block[1 << 20];
	struct ksonde_header *header;
	struct ksonde_event_lost {
		struct ksonde_header h;
		__u32 event, reason;
		__u64 count;
	} *gap;
	int device = session_open();
	ssize_t got, at;

	session_start(device, info.ring_min, "arm_again");
	acts_forks(400);
	if (ioctl(device, KSONDE_IOC_STOP, 0))
		die("STOP");
	while ((got = read(device, block, sizeof(block))) > 0) {
		for (at = 0; at < got; at += header->length) {
			header = (void *)(block + at);
			gap = (void *)header;
			if (header->event == 900)
				lost += gap->count;
			else
				records++;
		}
	}
	say("lost {\"records\": %llu, \"lost\": %llu}", records, lost);
	session_stats(device);
	close(device);
}

/* Arming and disarming while the system is busy. */
static void under_load(void)
{
	unsigned int i, load[2];
	char *argv[] = { "acted", "exit", "0", NULL };
	int device;

	for (i = 0; i < 2; i++) {
		load[i] = fork();
		if (load[i])
			continue;
		for (;;) {
			if (!vfork()) {
				execve(ACTED, argv, NULL);
				_exit(1);
			}
			wait(NULL);
		}
	}
	for (i = 0; i < 3; i++) {
		device = session_open();
		session_start(device, info.ring_min, "arm_busy");
		usleep(100000);
		close(device);
	}
	for (i = 0; i < 2; i++) {
		kill(load[i], SIGKILL);
		waitpid(load[i], NULL, 0);
	}
}

/* What the loaded module takes of the kernel's memory. */
static long module_bytes(void)
{
	FILE *file = fopen("/sys/module/ksonde/coresize", "re");
	long bytes = -1;

	if (file) {
		if (fscanf(file, "%ld", &bytes) != 1)
			bytes = -1;
		fclose(file);
	}
	return bytes;
}

int main(int argc, char **argv)
{
	uint64_t began;
	long err;
	int device;

	if (getpid() != 1)
		return acted(argc, argv);
	system_up();
	say("begin");
	acts_prepare();
	debug_prepare();
	began = now_ns();
	err = load_module("/ksonde.ko", "");
	say("load {\"errno\": %ld, \"ns\": %llu, \"bytes\": %ld}", -err, (unsigned long long)(now_ns() - began),
	    module_bytes());
	if (!err) {
		device = session_open();
		describe(device);
		session_one(device);
		began = now_ns();
		close(device);
		say("time disarm %llu", (unsigned long long)(now_ns() - began));
		session_lost();
		under_load();
		debug_faults();
		began = now_ns();
		err = syscall(SYS_delete_module, "ksonde", O_NONBLOCK) ? errno : 0;
		say("unload {\"errno\": %ld, \"ns\": %llu}", err, (unsigned long long)(now_ns() - began));
		debug_leaks();
	}
	say("end");
	sync();
	sleep(2);
	reboot(RB_AUTOBOOT);
	return 0;
}
