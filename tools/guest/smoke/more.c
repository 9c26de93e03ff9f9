// SPDX-License-Identifier: GPL-2.0-only
/* Acts on files and on processes that need no preparation. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "smoke.h"

#define OTHER	"/tmp/other\n\x1e\x17 \"\xff"	/* ODD is renamed to it */
#define GONE	"/tmp/gone"
#define NET_RAW	13

/* The same numbers everywhere; older headers do not have them. */
#define NR_PIDFD_SEND_SIGNAL	424
#define NR_OPEN_TREE		428
#define NR_MOVE_MOUNT		429
#define NR_FSOPEN		430
#define NR_FSCONFIG		431
#define NR_FSMOUNT		432
#define NR_PIDFD_OPEN		434

static int error_of(long result)
{
	return result < 0 ? errno : 0;
}

static void act_files(void)
{
	int found = open(PLAIN, O_RDONLY | O_NOFOLLOW), missing, err;

	if (found < 0)
		die(PLAIN);
	missing = open("/tmp/missing", O_RDONLY);
	say("act open {\"tgid\": %d, \"errno\": %d, \"flag\": %u}", getpid(), error_of(missing),
	    O_NOFOLLOW);
	close(found);
	err = error_of(chmod(PLAIN, 04755));
	say("act chmod {\"tgid\": %d, \"errno\": %d}", getpid(), err);
	err = error_of(link(PLAIN, "/tmp/hard"));
	say("act link {\"tgid\": %d, \"errno\": %d}", getpid(), err);
	err = error_of(symlink("plain", "/tmp/soft"));
	say("act symlink {\"tgid\": %d, \"errno\": %d}", getpid(), err);
	err = error_of(rename(ODD, OTHER));
	say("act rename {\"tgid\": %d, \"errno\": %d}", getpid(), err);
	mkdir("/tmp/mounted", 0755);
	err = error_of(mount("src", "/tmp/mounted", "tmpfs", MS_NOSUID, "size=64k"));
	say("act mount {\"tgid\": %d, \"errno\": %d}", getpid(), err);
}

/* What mount(2) does, in steps; kernels before 5.2 know none of them. */
static void act_new_mount(void)
{
	long context = syscall(NR_FSOPEN, "tmpfs", 0), mounted, tree;

	if (context < 0) {
		say("act newmount {\"skipped\": %d}", errno);
		return;
	}
	mkdir("/tmp/moved", 0755);
	if (syscall(NR_FSCONFIG, context, 1, "source", "a\n\xff", 0) ||
	    syscall(NR_FSCONFIG, context, 6, NULL, NULL, 0))
		die("fsconfig");
	mounted = syscall(NR_FSMOUNT, context, 0, 2);
	if (mounted < 0 || syscall(NR_MOVE_MOUNT, mounted, "", AT_FDCWD, "/tmp/moved", 4))
		die("move_mount");
	tree = syscall(NR_OPEN_TREE, AT_FDCWD, "/tmp/moved", 1);
	say("act newmount {\"tgid\": %d, \"errno\": %d}", getpid(), error_of(tree));
	close(tree);
	close(mounted);
	close(context);
}

/* A file is made, written to twice and removed, a folder removed. */
static void act_removals(void)
{
	int file = open(GONE, O_CREAT | O_WRONLY | O_APPEND, 0600), err;

	if (file < 0 || write(file, "one", 3) != 3 || write(file, "a\n\xff", 3) != 3)
		die(GONE);
	close(file);
	say("act write {\"tgid\": %d}", getpid());
	err = error_of(unlink(GONE));
	say("act unlink {\"tgid\": %d, \"errno\": %d}", getpid(), err);
	mkdir("/tmp/folder", 0700);
	mkdir("/tmp/folder/in", 0700);
	err = error_of(rmdir("/tmp/folder"));
	say("act full {\"errno\": %d}", err);
	err = error_of(rmdir("/tmp/folder/in"));
	say("act rmdir {\"tgid\": %d, \"errno\": %d}", getpid(), err);
}

/* Both in a child of a mount namespace of its own; newer kernels allow the second. */
static void act_namespaces(void)
{
	int status = -1;
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (!child)
		_exit(syscall(SYS_unshare, CLONE_NEWNS) || chdir("/tmp") ||
		      chroot("mounted") ? errno : 0);
	waitpid(child, &status, 0);
	say("act namespace {\"tgid\": %d, \"status\": %d}", child, status);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		_exit(syscall(SYS_unshare, CLONE_NEWNS) || chdir("/tmp") ||
		      syscall(SYS_pivot_root, "mounted", "mounted") ? errno : 0);
	waitpid(child, &status, 0);
	say("act pivot {\"tgid\": %d, \"errno\": %d}", child, WEXITSTATUS(status));
}

static void act_memfd(void)
{
	long file = syscall(SYS_memfd_create, "a\n\x1e\x17\xff", 1);

	say("act memfd {\"tgid\": %d, \"result\": %ld}", getpid(), file < 0 ? -errno : file);
	if (file >= 0)
		close(file);
}

static void act_signals(void)
{
	pid_t child = fork();
	long sent, pidfd;

	if (child < 0)
		die("fork");
	if (!child)
		for (;;)
			pause();
	pidfd = syscall(NR_PIDFD_OPEN, child, 0);
	if (pidfd >= 0)
		syscall(NR_PIDFD_SEND_SIGNAL, pidfd, 0, NULL, 0);
	sent = syscall(SYS_tkill, child, 0) || syscall(SYS_tgkill, child, child, 0) ||
	       syscall(SYS_kill, child, SIGTERM);
	waitpid(child, NULL, 0);
	say("act signals {\"tgid\": %d, \"child\": %d, \"errno\": %d, \"pidfd\": %ld}", getpid(),
	    child, error_of(sent ? -1 : 0), pidfd);
	if (pidfd >= 0)
		close(pidfd);
}

static void act_setsid(void)
{
	int status = -1;
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (!child)
		_exit(setsid() == getpid() ? 0 : errno);
	waitpid(child, &status, 0);
	say("act setsid {\"tgid\": %d, \"status\": %d}", child, status);
}

/* A child has one capability less. */
static void act_capset(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	unsigned long long old;
	int status = -1;
	pid_t child;

	if (syscall(SYS_capget, &header, data))
		die("capget");
	old = data[0].effective | (unsigned long long)data[1].effective << 32;
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		data[0].effective &= ~(1U << NET_RAW);
		_exit(syscall(SYS_capset, &header, data) ? errno : 0);
	}
	waitpid(child, &status, 0);
	say("act capset {\"tgid\": %d, \"status\": %d, \"old\": %llu, \"new\": %llu}", child,
	    status, old, old & ~(1ULL << NET_RAW));
}

/* A connection to oneself. */
static void act_accept(void)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1),
	};
	int listening = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t length = sizeof(in);
	int accepted, err = error_of(bind(listening, (void *)&in, sizeof(in)));

	if (getsockname(listening, (void *)&in, &length) || listen(listening, 1) ||
	    connect(client, (void *)&in, sizeof(in)))
		die("connect");
	say("act bind {\"tgid\": %d, \"errno\": %d, \"port\": %d}", getpid(), err, ntohs(in.sin_port));
	accepted = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (accepted < 0 || getpeername(accepted, (void *)&in, &length))
		die("accept");
	say("act accept {\"tgid\": %d, \"fd\": %d, \"result\": %d, \"port\": %d}", getpid(),
	    listening, accepted, ntohs(in.sin_port));
	close(accepted);
	close(client);
	close(listening);
}

/* A map of one element, whose name no map may have on newer kernels. */
static void act_bpf(void)
{
	struct {
		unsigned int type, key_size, value_size, entries, unused[3];
		char name[16];
	} map = { .type = 2, .key_size = 4, .value_size = 8, .entries = 1, .name = "smoke\n" };
	long made = syscall(SYS_bpf, 0, &map, sizeof(map));

	say("act bpf {\"tgid\": %d, \"result\": %ld}", getpid(), made < 0 ? -errno : made);
	if (made >= 0)
		close(made);
}

/* Refused: there is no such command, and too many segments. */
static void act_machine(void)
{
	int err = error_of(syscall(SYS_reboot, 0xfee1dead, 672274793, 77, NULL));

	say("act reboot {\"tgid\": %d, \"refused\": %d}", getpid(), err);
	err = error_of(syscall(SYS_kexec_load, 1, 1000, NULL, 0));
	say("act kexec {\"tgid\": %d, \"refused\": %d}", getpid(), err);
}

#define NR_IO_URING_SETUP	425
#define NR_IO_URING_REGISTER	427
#define REGISTER_PERSONALITY	9

static void act_ring(void)
{
	unsigned int params[30] = {};
	long made = syscall(NR_IO_URING_SETUP, 4, params), personality;

	say("act ring {\"tgid\": %d, \"result\": %ld}", getpid(), made < 0 ? -errno : made);
	personality = syscall(NR_IO_URING_REGISTER, made, REGISTER_PERSONALITY, NULL, 0);
	say("act personality {\"ring\": %ld, \"result\": %ld}", made,
	    personality < 0 ? -errno : personality);
	if (made >= 0)
		close(made);
}

/* The task's clock, of what the kernel does not do. */
static void act_perf(void)
{
	unsigned int attr[16] = { 1, sizeof(attr), 1 };
	long made;

	/* exclude_kernel, in the byte where this architecture has it. */
	((unsigned char *)attr)[40] = 1 << 5;
	made = syscall(SYS_perf_event_open, attr, 0, -1, -1, 0);
	say("act perf {\"tgid\": %d, \"result\": %ld}", getpid(), made < 0 ? -errno : made);
	if (made >= 0)
		close(made);
}

/* A socket of a family without a module: the kernel asks for it. */
static void act_helper(void)
{
	int s = socket(9, SOCK_STREAM, 0);

	say("act helper {\"tgid\": %d}", getpid());
	if (s >= 0)
		close(s);
}

/* Twenty ports of the machine's own, where nobody listens; loopback is left out otherwise. */
static void act_scan(void)
{
	const char *parameter = "/sys/module/ksonde/parameters/scan_loopback";
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int s = socket(AF_INET, SOCK_DGRAM, 0), fd = open(parameter, O_WRONLY), port, err;

	err = error_of(write(fd, "1", 1));
	for (port = 1; port <= 20; port++) {
		to.sin_port = htons(port);
		sendto(s, "", 0, 0, (struct sockaddr *)&to, sizeof(to));
	}
	/* What is still on its way is looked at. */
	usleep(100000);
	if (write(fd, "0", 1) < 0)
		err = errno;
	say("act scan {\"tgid\": %d, \"errno\": %d}", getpid(), err);
	close(fd);
	close(s);
}

void acts_more(void)
{
	act_files();
	act_new_mount();
	act_accept();
	act_removals();
	act_namespaces();
	act_memfd();
	act_signals();
	act_setsid();
	act_capset();
	act_bpf();
	act_machine();
	act_ring();
	act_perf();
	act_helper();
	act_scan();
}
