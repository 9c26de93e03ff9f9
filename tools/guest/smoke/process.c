// SPDX-License-Identifier: GPL-2.0-only
/* Acts upon another process and on the own memory, and an answer of a name server. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "smoke.h"

/* A child is traced and let go, and a byte of it read. */
static void act_intrude(void)
{
	static char from = 'x', to;
	struct iovec local = { &to, 1 }, remote = { &from, 1 };
	pid_t child = fork();
	long traced, copied;

	if (child < 0)
		die("fork");
	if (!child)
		for (;;)
			pause();
	traced = ptrace(PTRACE_ATTACH, child, 0, 0);
	if (!traced) {
		waitpid(child, NULL, 0);
		ptrace(PTRACE_DETACH, child, 0, 0);
	}
	say("act ptrace {\"tgid\": %d, \"child\": %d, \"errno\": %d}", getpid(), child,
	    traced ? errno : 0);
	copied = process_vm_readv(child, &local, 1, &remote, 1, 0);
	say("act process_vm {\"tgid\": %d, \"child\": %d, \"result\": %ld}", getpid(), child,
	    copied < 0 ? -errno : copied);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void act_self(void)
{
	struct timespec nap = { 0, 1000000 };
	size_t page = sysconf(_SC_PAGESIZE);
	pid_t child = fork();
	void *space;

	if (child < 0)
		die("fork");
	if (!child)
		_exit(prctl(PR_SET_NAME, "a\n\x1e\x17"));
	waitpid(child, NULL, 0);
	say("act prctl {\"tgid\": %d}", child);
	space = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (space == MAP_FAILED || mprotect(space, page, PROT_READ | PROT_EXEC))
		die("mprotect");
	say("act mprotect {\"tgid\": %d, \"start\": %llu, \"length\": %zu}", getpid(),
	    (unsigned long long)(uintptr_t)space, page);
	munmap(space, page);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	say("act nanosleep {\"tgid\": %d}", getpid());
}

/* The answer to "a": one address. */
static void act_dns(void)
{
	static const char answer[] =
		"\x12\x34\x81\x80\0\1\0\1\0\0\0\0\1a\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\1\0\4\xc0\0\2\1";
	struct sockaddr_in server = {
		.sin_family = AF_INET, .sin_port = htons(53),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	}, client = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int serving = socket(AF_INET, SOCK_DGRAM, 0), asking = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t length = sizeof(client);
	char room[64];

	if (bind(serving, (void *)&server, sizeof(server)) ||
	    bind(asking, (void *)&client, sizeof(client)) ||
	    getsockname(asking, (void *)&client, &length) ||
	    sendto(serving, answer, sizeof(answer) - 1, 0, (void *)&client, length) < 0 ||
	    read(asking, room, sizeof(room)) != sizeof(answer) - 1)
		die("dns");
	say("act dns {\"tgid\": %d, \"port\": %d, \"length\": %zu}", getpid(),
	    ntohs(client.sin_port), sizeof(answer) - 1);
	close(serving);
	close(asking);
}

void acts_process(void)
{
	act_intrude();
	act_self();
	act_dns();
}
