// SPDX-License-Identifier: GPL-2.0-only
/* Steps that change what the process is; they print nothing. */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

/* Where the acts' lines go: a descriptor. */
void step_out(char *value)
{
	act_out = atoi(value);
}

/* Name of the thread. */
void step_comm(char *value)
{
	check(!prctl(PR_SET_NAME, value), "comm");
}

void step_chdir(char *value)
{
	check(!chdir(value), "chdir");
}

void step_close(char *value)
{
	check(!close(atoi(value)), "close");
}

/* fd:path: that descriptor leads there (made when absent). */
void step_redirect(char *value)
{
	int fd = take_number(&value);
	int opened = open(value, O_RDWR);

	check(opened >= 0, "redirect");
	if (opened != fd) {
		check(dup2(opened, fd) == fd, "dup2");
		close(opened);
	}
}

/* fd: that descriptor becomes the write end of a pipe. */
void step_pipe(char *value)
{
	int fd = atoi(value), ends[2];

	check(!pipe(ends), "pipe");
	check(dup2(ends[1], fd) == fd, "dup2");
}

/* ruid:euid:suid:rgid:egid:sgid, without libc's wrappers: this thread's. */
void step_ids(char *value)
{
	int ruid = take_number(&value), euid = take_number(&value),
	    suid = take_number(&value), rgid = take_number(&value),
	    egid = take_number(&value), sgid = take_number(&value);

	check(!setresgid(rgid, egid, sgid), "setresgid");
	check(!setresuid(ruid, euid, suid), "setresuid");
}

void step_groups(char *value)
{
	gid_t gid = atoi(value);

	check(!setgroups(1, &gid), "setgroups");
}

/* effective:permitted:inheritable, as numbers. */
void step_capabilities(char *value)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };
	uint64_t e = take_number(&value), p = take_number(&value),
		 i = take_number(&value);

	for (int half = 0; half < 2; half++) {
		data[half].effective = e >> (32 * half);
		data[half].permitted = p >> (32 * half);
		data[half].inheritable = i >> (32 * half);
	}
	check(!syscall(SYS_capset, &header, data), "capset");
}

/* number: that capability becomes ambient. */
void step_setambient(char *value)
{
	check(!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, atoi(value), 0, 0), "ambient");
}

void step_securebits(char *value)
{
	check(!prctl(PR_SET_SECUREBITS, strtoul(value, NULL, 0)), "securebits");
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	check(fd >= 0, path);
	check(write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

void step_loginuid(char *value)
{
	put("/proc/self/loginuid", value);
}

/* Moves the process to the cgroup of that directory. */
void step_cgroup(char *value)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/cgroup.procs", value);
	put(path, "0");
}

void step_hostname(char *value)
{
	check(!sethostname(value, strlen(value)), "hostname");
}

/* mnt, pid, net, user, uts, ipc, one or more, with ':' between. */
void step_unshare(char *value)
{
	static const struct {
		const char *name;
		int flag;
	} known[] = {
		{ "mnt", CLONE_NEWNS }, { "pid", CLONE_NEWPID },
		{ "net", CLONE_NEWNET }, { "user", CLONE_NEWUSER },
		{ "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC },
	};
	int flags = 0;

	while (*value) {
		const char *name = take_word(&value);

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (!strcmp(known[i].name, name))
				flags |= known[i].flag;
	}
	check(!unshare(flags), "unshare");
}

/* uid:gid: what root of our new user namespace is outside. */
void step_idmap(char *value)
{
	char text[64];

	/* Who has changed ids has lost the right to its own files there. */
	prctl(PR_SET_DUMPABLE, 1);
	snprintf(text, sizeof(text), "0 %lld 1", take_number(&value));
	put("/proc/self/uid_map", text);
	put("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "0 %lld 1", take_number(&value));
	put("/proc/self/gid_map", text);
}

/* mount: becomes the root of our mount namespace, with the /proc that we see; the old root goes away. */
void step_newroot(char *value)
{
	char proc[4096];

	snprintf(proc, sizeof(proc), "%s/proc", value);
	check(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
	check(!mount("/proc", proc, NULL, MS_BIND, NULL), proc);
	check(!chdir(value), value);
	check(!syscall(SYS_pivot_root, ".", "."), "pivot_root");
	check(!umount2(".", MNT_DETACH), "old root");
	check(!chdir("/"), "/");
}

void step_setsid(char *value)
{
	(void)value;
	check(setsid() > 0, "setsid");
}

void step_setpgid(char *value)
{
	(void)value;
	check(!setpgid(0, 0), "setpgid");
}

/* That terminal becomes the controlling one; setsid comes before it. */
void step_terminal(char *value)
{
	int fd = open(value, O_RDWR | O_NOCTTY);

	check(fd >= 0, "terminal");
	check(!ioctl(fd, TIOCSCTTY, 0), "TIOCSCTTY");
	close(fd);
}

void step_umask(char *value)
{
	umask(strtoul(value, NULL, 8));
}

/* NAME=VALUE, behind what there is. */
void step_environment(char *value)
{
	size_t n = 0;
	char **more;

	while (act_environ[n])
		n++;
	more = calloc(n + 2, sizeof(*more));
	memcpy(more, act_environ, n * sizeof(*more));
	more[n] = value;
	act_environ = more;
}

/* That many bytes of environment, behind what there is. */
void step_bigenv(char *value)
{
	for (long left = atol(value); left > 0; left -= 1000) {
		char *text = malloc(1000);

		memset(text, 'x', 999);
		memcpy(text, "LD_PRELOADED=", 13);
		text[999] = 0;
		step_environment(text);
	}
}

/* Runs on that CPU only. */
void step_cpu(char *value)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(atoi(value), &set);
	check(!sched_setaffinity(0, sizeof(set), &set), "cpu");
}

/* Limit of the stack, bytes: a fourth of it is for arguments. */
void step_stack(char *value)
{
	struct rlimit limit = { atol(value), atol(value) };

	check(!setrlimit(RLIMIT_STACK, &limit), "stack");
}

/* Prints the facts, then waits for a byte (or the end) of descriptor 0. */
void step_ready(char *value)
{
	char c;

	(void)value;
	say("ready", 0);
	while (read(0, &c, 1) < 0 && errno == EINTR)
		;
}

void step_facts(char *value)
{
	(void)value;
	say("facts", 0);
}
