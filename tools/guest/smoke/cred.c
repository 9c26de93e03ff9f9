// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module does to waiting processes what somebody does who can write kernel
 * memory.  What these had before and after, /proc tells.
 */
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "smoke.h"

/* The real user id stays: by that the kernel counts processes. */
#define IDS	"ids=1000,3001,3002,3003,4000,4001,4002,4003"
/* Inheritable, permitted, effective, bounding, ambient. */
#define CAPS	"caps=0x2000,0x2002082,0x2002,0x1fbfffffff,0x2000"

enum how { BY_EXEC, BY_FORK, BY_EXIT };

static const char * const names[] = { "exec", "fork", "exit" };

static void target(enum how how, int ready, int go)
{
	char *argv[] = { "acted", "exit", "0", NULL };
	char word = 0;

	if (setgroups(0, NULL) || setresgid(2000, 2001, 2002) || setresuid(1000, 1001, 1002))
		_exit(98);
	if (write(ready, &word, 1) != 1 || read(go, &word, 1) != 1)
		_exit(99);
	if (how == BY_EXEC)
		execve(ACTED, argv, NULL);
	if (how == BY_FORK && !fork())
		_exit(0);
	if (how == BY_FORK)
		wait(NULL);
	_exit(how == BY_EXEC ? errno : 0);
}

/* "key": [numbers], of a line of the process's status. */
static size_t line_of(const char *line, const char *key, const char *how, char *to, size_t room)
{
	unsigned long long word[4] = {};

	sscanf(line, how, &word[0], &word[1], &word[2], &word[3]);
	return snprintf(to, room, "\"%s\": [%llu, %llu, %llu, %llu], ", key, word[0], word[1], word[2],
			word[3]);
}

static void status_of(pid_t pid, char *to, size_t room)
{
	static const struct {
		const char *begin, *key, *how;
	} lines[] = {
		{ "Uid:", "uids", "Uid: %llu %llu %llu %llu" },
		{ "Gid:", "gids", "Gid: %llu %llu %llu %llu" },
		{ "CapInh:", "inheritable", "CapInh: %llx" },
		{ "CapPrm:", "permitted", "CapPrm: %llx" },
		{ "CapEff:", "effective", "CapEff: %llx" },
		{ "CapBnd:", "bounding", "CapBnd: %llx" },
		{ "CapAmb:", "ambient", "CapAmb: %llx" },
	};
	char line[256];
	size_t used = 0, i;
	FILE *file;

	snprintf(line, sizeof(line), "/proc/%d/status", pid);
	file = fopen(line, "re");
	if (!file)
		die(line);
	while (fgets(line, sizeof(line), file)) {
		for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
			if (!strncmp(line, lines[i].begin, strlen(lines[i].begin)))
				used += line_of(line, lines[i].key, lines[i].how, to + used, room - used);
		}
	}
	fclose(file);
}

static void act_intrude(enum how how, int swap)
{
	char before[400], after[400], parameters[160], word = 0;
	uint64_t began = now_ns(), explained;
	int ready[2], go[2], status = -1;
	long loaded, unloaded;
	pid_t child;

	if (pipe(ready) || pipe(go))
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		target(how, ready[1], go[0]);
	if (read(ready[0], &word, 1) != 1)
		die("ready");
	explained = now_ns();
	status_of(child, before, sizeof(before));
	snprintf(parameters, sizeof(parameters), "pid=%d swap=%d " IDS " " CAPS, child, swap);
	loaded = load_module("/ksonde_cred.ko", parameters);
	status_of(child, after, sizeof(after));
	if (write(go[1], &word, 1) != 1)
		die("go");
	waitpid(child, &status, 0);
	unloaded = loaded || !syscall(SYS_delete_module, "ksonde_cred", 0) ? 0 : errno;
	/* Each is longer than a line of the oldest kernels' logs has room for. */
	say("act before_%s {%s\"tgid\": %d}", names[how], before, child);
	say("act after_%s {%s\"tgid\": %d}", names[how], after, child);
	say("act intrude_%s {\"tgid\": %d, \"status\": %d, \"loaded\": %ld, \"unloaded\": %ld, "
	    "\"swap\": %d, \"time\": [%llu, %llu]}", names[how], child, status, loaded, unloaded, swap,
	    (unsigned long long)began, (unsigned long long)explained);
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
	close(go[1]);
}

void acts_cred(void)
{
	act_intrude(BY_EXEC, 1);
	act_intrude(BY_FORK, 0);
	act_intrude(BY_EXIT, 1);
}
