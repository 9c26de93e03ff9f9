// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workloads of `tools/bench overhead`, run inside its guest, where one
 * instruction takes one nanosecond: a difference of clocks is a count of
 * instructions.  Static and without dependencies, so that every case runs the
 * very same code.
 *
 *	workloads W1 BATCHES OPERATIONS WARMUP
 *
 * (or the name of an event, for `tools/bench mechanisms`)
 *
 * prints one line: name, median over batches of all instructions that the
 * machine spent an operation, and of those that this process and its children
 * spent (its own CPU time, and what the children's wait returned: both are the
 * scheduler's exact sums, not ticks).  WARMUP batches go before.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int pipe_ends[2];
static struct sockaddr_in closed_port;
static char program[] = "/true";	/* nobody else has its pages mapped */
static char *child_argv[] = { "true", NULL };
static char *child_envp[] = { NULL };

static void getppid_once(void)
{
	syscall(SYS_getppid);
}

static void open_close(void)
{
	int fd = open("/tmp/bench", O_RDONLY);

	if (fd < 0)
		err(1, "open");
	close(fd);
}

static void fork_exec(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execve(program, child_argv, child_envp);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		err(1, "fork+exec");
}

static void connect_closed(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&closed_port, sizeof(closed_port)) != -1 ||
	    errno != ECONNREFUSED)
		err(1, "connect");
	close(fd);
}

static void pipe_byte(void)
{
	char byte = 0;

	if (write(pipe_ends[1], &byte, 1) != 1 || read(pipe_ends[0], &byte, 1) != 1)
		err(1, "pipe");
}

/* A socket that is connected to itself, or a pair of them. */
static void udp_echo(void)
{
	static int fd = -1;
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(own);
	char byte = 0;

	if (fd < 0) {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (fd < 0 || bind(fd, (struct sockaddr *)&own, length) ||
		    getsockname(fd, (struct sockaddr *)&own, &length) ||
		    connect(fd, (struct sockaddr *)&own, length))
			err(1, "udp");
	}
	if (send(fd, &byte, 1, 0) != 1 || recv(fd, &byte, 1, 0) != 1)
		err(1, "udp");
}

static void tcp_echo(void)
{
	static int ends[2] = { -1, -1 };
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(own);
	char byte = 0;
	int one = 1, listener;

	if (ends[0] < 0) {
		listener = socket(AF_INET, SOCK_STREAM, 0);
		ends[0] = socket(AF_INET, SOCK_STREAM, 0);
		if (bind(listener, (struct sockaddr *)&own, length) || listen(listener, 1) ||
		    getsockname(listener, (struct sockaddr *)&own, &length) ||
		    setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
		    connect(ends[0], (struct sockaddr *)&own, length))
			err(1, "tcp");
		ends[1] = accept(listener, NULL, NULL);
	}
	if (send(ends[0], &byte, 1, 0) != 1 || recv(ends[1], &byte, 1, 0) != 1)
		err(1, "tcp");
}

/* A SYN of another source each time, to any port; its sum is wrong, so that nobody answers. */
static void spoofed_syn(void)
{
	static const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = __builtin_bswap32(INADDR_LOOPBACK),
	};
	static struct {
		struct iphdr ip;
		struct tcphdr tcp;
	} packet = { .ip = { .ihl = 5, .version = 4, .ttl = 64, .protocol = IPPROTO_TCP } };
	static int fd = -1;
	static uint32_t chance = 612;

	if (fd < 0) {
		fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
		packet.ip.daddr = to.sin_addr.s_addr;
		packet.tcp.doff = 5;
		packet.tcp.syn = 1;
	}
	chance = chance * 1664525 + 1013904223;
	packet.ip.saddr = htonl(11U << 24 | chance >> 8);
	packet.tcp.dest = chance >> 16 | 1;
	if (sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)) !=
	    sizeof(packet))
		err(1, "spoofed SYN");
}

/* One record of the event that it is called after, by the shortest way. */

static char file_name[] = "/tmp/bench", other_name[] = "/tmp/other";

static void kill_once(void)
{
	kill(getpid(), SIGWINCH);
}

static void tkill_once(void)
{
	syscall(SYS_tkill, getpid(), SIGWINCH);
}

static void tgkill_once(void)
{
	syscall(SYS_tgkill, getpid(), getpid(), SIGWINCH);
}

static void setsid_once(void)
{
	setsid();	/* refused from the second time on */
}

static void prctl_once(void)
{
	static unsigned int number;

	prctl(PR_SET_NAME, number++ & 1 ? "one" : "two");
}

static void capset_once(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) || syscall(SYS_capset, &head, data))
		err(1, "capset");
}

static void memfd_once(void)
{
	close(memfd_create("bench", 0));
}

static void mprotect_once(void)
{
	static void *page;

	if (!page)
		page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mprotect(page, 4096, PROT_READ | PROT_EXEC))
		err(1, "mprotect");
}

static void nanosleep_once(void)
{
	struct timespec nothing = { 0, 1 };

	nanosleep(&nothing, NULL);
}

static void ptrace_once(void)
{
	ptrace(PTRACE_ATTACH, getpid(), 0, 0);	/* refused */
}

static void process_vm_once(void)
{
	char from = 0, to;
	struct iovec local = { &to, 1 }, remote = { &from, 1 };

	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != 1)
		err(1, "process_vm_readv");
}

static void chmod_once(void)
{
	if (chmod(file_name, 0700) || chmod(file_name, 0600))
		err(1, "chmod");
}

static void rename_once(void)
{
	if (rename(file_name, other_name) || rename(other_name, file_name))
		err(1, "rename");
}

static void link_once(void)
{
	if (link(file_name, other_name) || unlink(other_name))
		err(1, "link");
}

static void create_once(void)
{
	int fd = open(other_name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || close(fd) || unlink(other_name))
		err(1, "create");
}

static void rmdir_once(void)
{
	if (mkdir(other_name, 0700) || rmdir(other_name))
		err(1, "rmdir");
}

static void write_once(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open(file_name, O_WRONLY);
	if (pwrite(fd, "x", 1, 0) != 1)
		err(1, "write");
}

static void unshare_once(void)
{
	syscall(SYS_unshare, 0x40);	/* no such flag: refused */
}

static const struct workload {
	const char *name;
	void (*once)(void);
} workloads[] = {
	{ "W1", getppid_once },
	{ "W2", open_close },
	{ "W3", fork_exec },
	{ "W4", connect_closed },
	{ "W5", pipe_byte },
	{ "W6", udp_echo },
	{ "W7", tcp_echo },
	{ "W8", spoofed_syn },
	{ "capset", capset_once },
	{ "chmod", chmod_once },
	{ "connect", connect_closed },
	{ "create_file", create_once },
	{ "execve", fork_exec },
	{ "kill", kill_once },
	{ "link", link_once },
	{ "memfd_create", memfd_once },
	{ "mprotect", mprotect_once },
	{ "namespace", unshare_once },
	{ "nanosleep", nanosleep_once },
	{ "open", open_close },
	{ "prctl", prctl_once },
	{ "process_vm", process_vm_once },
	{ "ptrace", ptrace_once },
	{ "rename", rename_once },
	{ "rmdir", rmdir_once },
	{ "setsid", setsid_once },
	{ "tgkill", tgkill_once },
	{ "tkill", tkill_once },
	{ "unlink", link_once },
	{ "write", write_once },
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t children_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000LL +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000LL;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, long count)
{
	qsort(values, count, sizeof(*values), by_size);
	return count % 2 ? values[count / 2] :
	       (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void run_batch(void (*once)(void), long operations, double *all, double *own)
{
	int64_t children = children_ns();
	int64_t process = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	int64_t start = clock_ns(CLOCK_MONOTONIC);

	for (long i = 0; i < operations; i++)
		once();
	*all = (double)(clock_ns(CLOCK_MONOTONIC) - start) / operations;
	*own = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - process +
			children_ns() - children) / operations;
}

static void prepare(void)
{
	int fd = open(file_name, O_WRONLY | O_CREAT, 0644);

	if (fd < 0 || pipe(pipe_ends))
		err(1, "prepare");
	close(fd);
	closed_port.sin_family = AF_INET;
	closed_port.sin_port = htons(9);
	closed_port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

int main(int argc, char **argv)
{
	const struct workload *w = workloads;
	long batches, operations, warmup;
	double *all, *own;

	if (argc != 5)
		errx(2, "usage: workloads NAME BATCHES OPERATIONS WARMUP");
	while (strcmp(w->name, argv[1]))
		if (++w == workloads + sizeof(workloads) / sizeof(*workloads))
			errx(2, "no workload %s", argv[1]);
	batches = atol(argv[2]);
	operations = atol(argv[3]);
	warmup = atol(argv[4]);
	all = calloc(batches, sizeof(*all));
	own = calloc(batches, sizeof(*own));
	if (batches < 1 || operations < 1 || !all || !own)
		errx(2, "bad counts");
	prepare();
	for (long i = 0; i < warmup; i++)
		run_batch(w->once, operations, all, own);
	asm volatile("nopl 0x6b736f01(%rax)"); /* marks of profile.c */
	for (long i = 0; i < batches; i++)
		run_batch(w->once, operations, all + i, own + i);
	asm volatile("nopl 0x6b736f02(%rax)");
	printf("%s %.3f %.3f\n", w->name, median(all, batches), median(own, batches));
	return 0;
}
