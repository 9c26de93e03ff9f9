// SPDX-License-Identifier: GPL-2.0-only
/* The steps in order; and the words in which acts say what they know. */
#include "act.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <fcntl.h>

char **act_rest;
char **act_environ;
int act_out = 1;

static const struct step steps[] = {
#define STEP(name)	{ #name, step_##name },
#include "table.h"
#undef STEP
};

/* One line under construction; a thread has its own. */
static __thread struct {
	char text[65536];
	size_t used;
} line;

static void add(const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line.text + line.used, sizeof(line.text) - line.used,
		      format, args);
	va_end(args);
	check(n >= 0 && line.used + n < sizeof(line.text), "line");
	line.used += n;
}

void die(const char *what)
{
	int error = errno;

	fprintf(stderr, "act: %s: %s\n", what, strerror(error));
	_exit(125);
}

void check(bool good, const char *what)
{
	if (!good)
		die(what);
}

long result_of(long returned)
{
	return returned < 0 ? -errno : returned;
}

void say_number(const char *key, long long value)
{
	add(", \"%s\": %lld", key, value);
}

void say_unsigned(const char *key, unsigned long long value)
{
	add(", \"%s\": %llu", key, value);
}

/* Bytes beyond ASCII become lone surrogates, as Python's surrogateescape has it. */
void say_bytes(const char *key, const void *bytes, size_t length)
{
	const unsigned char *p = bytes;

	add(", \"%s\": \"", key);
	for (size_t i = 0; i < length; i++) {
		if (p[i] >= 0x80)
			add("\\udc%02x", p[i]);
		else if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\' || p[i] == 0x7f)
			add("\\u00%02x", p[i]);
		else
			add("%c", p[i]);
	}
	add("\"");
}

void say_string(const char *key, const char *text)
{
	say_bytes(key, text, strlen(text));
}

static size_t slurp(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	while (used < size - 1 && (n = read(fd, buffer + used, size - 1 - used)) > 0)
		used += n;
	buffer[used] = 0;
	close(fd);
	return used;
}

static void say_link(const char *key, const char *path)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target));

	if (n >= 0)
		say_bytes(key, target, n);
}

static void say_namespace(const char *key, const char *path)
{
	struct stat st;

	if (!stat(path, &st))
		say_unsigned(key, st.st_ino);
}

/* Field number of /proc/PID/stat, from 3 on. */
static const char *stat_field(const char *text, int number)
{
	const char *p = strrchr(text, ')');

	if (!p)
		return NULL;
	for (p += 2; number > 3 && p; number--) {
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	return p;
}

static void say_stat(void)
{
	static const struct {
		const char *key;
		int number;
	} wanted[] = {
		{ "parent_tgid", 4 }, { "pgid", 5 }, { "sid", 6 },
		{ "tty_nr", 7 }, { "start_ticks", 22 },
	};
	char text[4096], path[64];
	long parent;

	if (!slurp("/proc/self/stat", text, sizeof(text)))
		return;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		say_number(wanted[i].key, atoll(stat_field(text, wanted[i].number)));
	parent = atol(stat_field(text, 4));
	snprintf(path, sizeof(path), "/proc/%ld/stat", parent);
	if (slurp(path, text, sizeof(text)))
		say_number("parent_start_ticks", atoll(stat_field(text, 22)));
}

static void say_status(void)
{
	char text[8192];
	unsigned int id[4];
	char *p;

	if (!slurp("/proc/thread-self/status", text, sizeof(text)))
		return;
	p = strstr(text, "\nUid:");
	if (p && sscanf(p, "\nUid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) == 4) {
		say_unsigned("uid", id[0]);
		say_unsigned("euid", id[1]);
		say_unsigned("suid", id[2]);
		say_unsigned("fsuid", id[3]);
	}
	p = strstr(text, "\nGid:");
	if (p && sscanf(p, "\nGid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) == 4) {
		say_unsigned("gid", id[0]);
		say_unsigned("egid", id[1]);
		say_unsigned("sgid", id[2]);
		say_unsigned("fsgid", id[3]);
	}
	static const struct {
		const char *key, *label;
	} caps[] = {
		{ "cap_inheritable", "\nCapInh:" }, { "cap_permitted", "\nCapPrm:" },
		{ "cap_effective", "\nCapEff:" }, { "cap_bounding", "\nCapBnd:" },
		{ "cap_ambient", "\nCapAmb:" },
	};
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		p = strstr(text, caps[i].label);
		if (p)
			say_unsigned(caps[i].key,
				     strtoull(p + strlen(caps[i].label), NULL, 16));
	}
	p = strstr(text, "\nVmHWM:");
	if (p)
		say_number("peak_kib", atoll(p + 7));
}

/* Ids as the initial pid namespace's /proc has them, whatever ours is. */
static void say_pids(void)
{
	char target[64];
	ssize_t n = readlink("/proc/thread-self", target, sizeof(target) - 1);
	long tgid, tid;

	if (n > 0) {
		target[n] = 0;
		if (sscanf(target, "%ld/task/%ld", &tgid, &tid) == 2) {
			say_number("tgid", tgid);
			say_number("tid", tid);
		}
	}
	say_number("ns_pid", syscall(SYS_getpid));
}

static void say_facts(void)
{
	char text[8192], comm[17] = "";
	struct utsname uts;
	char *p;

	say_number("bits", sizeof(long) * 8);
	say_pids();
	say_stat();
	say_status();
	say_namespace("mnt_ns", "/proc/thread-self/ns/mnt");
	say_namespace("pid_ns", "/proc/thread-self/ns/pid");
	say_namespace("net_ns", "/proc/thread-self/ns/net");
	say_namespace("user_ns", "/proc/thread-self/ns/user");
	if (slurp("/proc/thread-self/loginuid", text, sizeof(text)))
		say_unsigned("loginuid", strtoul(text, NULL, 10));
	if (slurp("/proc/thread-self/sessionid", text, sizeof(text)))
		say_unsigned("audit_session", strtoul(text, NULL, 10));
	if (slurp("/proc/thread-self/cgroup", text, sizeof(text))) {
		p = !strncmp(text, "0::", 3) ? text : strstr(text, "\n0::");
		if (p) {
			p = strstr(p, "::") + 2;
			say_bytes("cgroup_path", p, strcspn(p, "\n"));
		}
	}
	prctl(PR_GET_NAME, comm);
	say_string("comm", comm);
	say_link("exe", "/proc/thread-self/exe");
	say_link("cwd", "/proc/thread-self/cwd");
	say_link("fd0", "/proc/thread-self/fd/0");
	say_link("fd1", "/proc/thread-self/fd/1");
	say_link("fd2", "/proc/thread-self/fd/2");
	uname(&uts);
	say_string("hostname", uts.nodename);
}

void say_begin(const char *act, long result)
{
	line.used = 0;
	add("{\"act\": \"%s\", \"result\": %ld", act, result);
}

void say_end(void)
{
	size_t done = 0;
	ssize_t n;

	say_facts();
	add("}\n");
	while (done < line.used) {
		n = write(act_out, line.text + done, line.used - done);
		check(n > 0, "write");
		done += n;
	}
}

void say(const char *act, long result)
{
	say_begin(act, result);
	say_end();
}

long long take_number(char **value)
{
	char *word = take_word(value);

	return *word ? strtoll(word, NULL, 0) : 0;
}

char *take_word(char **value)
{
	char *word = *value, *end = strchr(word, ':');

	if (end) {
		*end = 0;
		*value = end + 1;
	} else {
		*value = word + strlen(word);
	}
	return word;
}

static void do_step(char *text)
{
	size_t length = strcspn(text, "=");
	char *value = text[length] ? text + length + 1 : text + length;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (strlen(steps[i].name) == length &&
		    !memcmp(steps[i].name, text, length)) {
			steps[i].run(value);
			return;
		}
	}
	errno = EINVAL;
	die(text);
}

int main(int argc, char **argv, char **envp)
{
	(void)argc;
	act_environ = envp;
	act_rest = argv + 1;
	while (*act_rest)
		do_step(*act_rest++);
	return 0;
}
