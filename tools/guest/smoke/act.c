// SPDX-License-Identifier: GPL-2.0-only
/* The acts.  Each says "act NAME {facts}" when it is done; the facts are JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "smoke.h"

static void copy(const char *from, const char *to, mode_t mode)
{
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char block[65536];
	ssize_t got;

	if (in < 0 || out < 0)
		die(to);
	while ((got = read(in, block, sizeof(block))) > 0)
		if (write(out, block, got) != got)
			die(to);
	fchmod(out, mode);
	close(in);
	close(out);
}

void acts_prepare(void)
{
	int file;

	copy("/init", ACTED, 0755);
	copy("/init", SUID, 04755);
	file = open(PLAIN, O_WRONLY | O_CREAT, 0644);
	if (file < 0)
		die(PLAIN);
	close(file);
}

static pid_t begin(void)
{
	pid_t child = fork();

	if (child < 0)
		die("fork");
	return child;
}

static int end(pid_t child)
{
	int status = -1;

	waitpid(child, &status, 0);
	return status;
}

static long inum(const char *name)
{
	char path[64], target[64] = "";
	char *digits;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	if (readlink(path, target, sizeof(target) - 1) < 0)
		return -1;
	digits = strchr(target, '[');
	return digits ? atol(digits + 1) : -1;
}

static void act_self(void)
{
	char name[65] = "";

	gethostname(name, sizeof(name) - 1);
	say("act self {\"tgid\": %d, \"mnt_ns\": %ld, \"pid_ns\": %ld, \"net_ns\": %ld, \"user_ns\": %ld, "
	    "\"hostname\": \"%s\", \"sid\": %d, \"pgid\": %d}", getpid(), inum("mnt"), inum("pid"),
	    inum("net"), inum("user"), name, getsid(0), getpgid(0));
}

static void act_exec(void)
{
	char *argv[] = { "acted", "exit", "7", "", "a\nb \x1e", NULL };
	char *envp[] = { "LD_PRELOAD=/x.so", "SSH_CONNECTION=192.0.2.1 2 192.0.2.3 4", NULL };
	pid_t child = begin();

	if (!child) {
		execve(ACTED, argv, envp);
		_exit(99);
	}
	say("act exec {\"tgid\": %d, \"status\": %d}", child, end(child));
}

static void act_signal(void)
{
	pid_t child = begin();

	if (!child)
		for (;;)
			pause();
	kill(child, SIGKILL);
	say("act signal {\"tgid\": %d, \"status\": %d}", child, end(child));
}

static void act_exec_refused(void)
{
	/* On the stack: newer kernels refuse before they have touched these, and a probe cannot fault. */
	char file[] = PLAIN, plain[] = "plain", one[] = "one", preload[] = "LD_PRELOAD=/y.so";
	char *argv[] = { plain, one, NULL };
	char *envp[] = { preload, NULL };
	pid_t child = begin();

	if (!child) {
		execve(file, argv, envp);
		_exit(errno);
	}
	say("act exec_refused {\"tgid\": %d, \"errno\": %d}", child, WEXITSTATUS(end(child)));
}

static void act_connect(const char *name, int family, const void *address, socklen_t length, int port)
{
	struct sockaddr_storage local = {};
	socklen_t size = sizeof(local);
	int s = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat about = {};
	int err = 0;

	if (s < 0) {
		say("act %s {\"skipped\": \"socket: %s\"}", name, strerror(errno));
		return;
	}
	fstat(s, &about);
	if (connect(s, address, length))
		err = errno;
	getsockname(s, (struct sockaddr *)&local, &size);
	say("act %s {\"tgid\": %d, \"errno\": %d, \"port\": %d, \"socket\": %lu}", name, getpid(), err, port,
	    (unsigned long)about.st_ino);
	close(s);
}

static void act_connects(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(4242) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(4243) };
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/tmp/none" };

	inet_pton(AF_INET, "127.0.0.1", &in.sin_addr);
	inet_pton(AF_INET6, "::1", &in6.sin6_addr);
	act_connect("connect4", AF_INET, &in, sizeof(in), 4242);
	act_connect("connect6", AF_INET6, &in6, sizeof(in6), 4243);
	act_connect("connect_unix", AF_UNIX, &un, sizeof(un), 0);
}

static void act_create(void)
{
	struct stat about = {};
	int file;

	umask(027);
	file = open(ODD, O_WRONLY | O_CREAT | O_EXCL, 0666);
	if (file < 0)
		die("create");
	fstat(file, &about);
	close(file);
	umask(0);
	say("act create {\"tgid\": %d, \"mode\": %u}", getpid(), about.st_mode);
}

long load_module(const char *file, const char *parameters)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	long err;

	if (fd < 0)
		return -errno;
	err = syscall(SYS_finit_module, fd, parameters, 0);
	err = err ? -errno : 0;
	close(fd);
	return err;
}

static void act_modules(void)
{
	long loaded = load_module("/ksonde_smoke.ko", ""), refused;

	say("act module {\"tgid\": %d, \"errno\": %ld}", getpid(), -loaded);
	refused = syscall(SYS_init_module, "no module at all", 16UL, "") ? errno : 0;
	say("act module_refused {\"tgid\": %d, \"errno\": %ld}", getpid(), refused);
}

static void act_cred(void)
{
	char *argv[] = { "suid", "exit", "0", NULL };
	pid_t child = begin();

	if (!child) {
		if (setgroups(0, NULL) || setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(98);
		execve(SUID, argv, NULL);
		_exit(99);
	}
	say("act cred {\"tgid\": %d, \"status\": %d}", child, end(child));
}

/* The same acts by the 32-bit system calls, where there is a program for it. */
static void act_compat(void)
{
	char *argv[] = { "smoke32", "compat", NULL };
	pid_t child;

	if (access("/smoke32", X_OK)) {
		say("act compat {\"skipped\": \"no 32-bit program\"}");
		return;
	}
	child = begin();
	if (!child) {
		execve("/smoke32", argv, NULL);
		_exit(99);
	}
	say("act compat {\"tgid\": %d, \"status\": %d}", child, end(child));
}

int acted(int argc, char **argv)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(4244) };
	char file[] = PLAIN, name[] = "plain", two[] = "two";
	char *plain[] = { name, two, NULL };
	int s;

	if (argc >= 3 && !strcmp(argv[1], "exit"))
		return atoi(argv[2]);
	if (argc < 2 || strcmp(argv[1], "compat"))
		return 97;
	inet_pton(AF_INET, "127.0.0.1", &in.sin_addr);
	s = socket(AF_INET, SOCK_STREAM, 0);
	if (s < 0 || !connect(s, (struct sockaddr *)&in, sizeof(in)) || errno != ECONNREFUSED)
		return 96;
	execve(file, plain, plain + 2);
	return errno;
}

void acts_forks(unsigned int count)
{
	pid_t child;

	while (count--) {
		child = begin();
		if (!child)
			_exit(0);
		end(child);
	}
}

void acts_all(void)
{
	act_self();
	act_exec();
	act_signal();
	act_exec_refused();
	act_connects();
	act_create();
	act_modules();
	act_cred();
	act_compat();
	acts_more();
	acts_process();
	acts_cred();
	acts_usb();
}
