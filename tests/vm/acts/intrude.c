// SPDX-License-Identifier: GPL-2.0-only
/* Steps that reach into other processes. */
#include "act.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* What GETREGS leaves and SETREGS takes. */
static char registers[4096];

/* request:pid:address:data, ptrace(2); data "registers" is a buffer of our own */
void step_ptrace(char *value)
{
	long request = take_number(&value), pid = take_number(&value);
	unsigned long address = take_number(&value), data;

	data = strcmp(value, "registers") ? strtoul(value, NULL, 0) : (unsigned long)registers;
	say_begin("ptrace", result_of(syscall(SYS_ptrace, request, pid, address, data)));
	say_unsigned("address", address);
	say_unsigned("data", data);
	say_end();
}

/* pid: until that one, which we trace, has stopped */
void step_stopped(char *value)
{
	int status;

	check(waitpid(atoi(value), &status, __WALL) > 0 && WIFSTOPPED(status), "stopped");
}

/* pid:address:length, process_vm_readv(2) or process_vm_writev(2), in two pieces */
static void copy(const char *act, long call, char *value)
{
	long pid = take_number(&value);
	unsigned long address = take_number(&value), length = take_number(&value);
	struct iovec own = { registers, length };
	struct iovec theirs[2] = {
		{ (void *)address, length / 2 },
		{ (void *)(address + length / 2), length - length / 2 },
	};

	say(act, result_of(syscall(call, pid, &own, 1, theirs, 2, 0)));
}

/* pid:address:length */
void step_vmread(char *value)
{
	copy("vmread", SYS_process_vm_readv, value);
}

void step_vmwrite(char *value)
{
	copy("vmwrite", SYS_process_vm_writev, value);
}

/* option:2:3:4:5, prctl(2) of numbers */
void step_prctl(char *value)
{
	long option = take_number(&value), two = take_number(&value), three = take_number(&value);
	long four = take_number(&value), five = take_number(&value);

	say("prctl", result_of(syscall(SYS_prctl, option, two, three, four, five)));
}

/* text: the name of the thread, by prctl(2) with arguments that it does not look at */
void step_setname(char *value)
{
	char old[17] = "";

	prctl(PR_GET_NAME, old);
	say_begin("setname", result_of(syscall(SYS_prctl, PR_SET_NAME, value, 3, 4, 5)));
	say_unsigned("address", (unsigned long)value);
	say_string("old_name", old);
	say_end();
}

/* Makes four pages of a file, of nothing without one; asks for the inner two. */
static void protect(const char *act, long protection, const char *path, bool twice)
{
	size_t page = sysconf(_SC_PAGESIZE);
	int flags = MAP_PRIVATE, fd = -1;
	char *p;

	if (*path) {
		fd = open(path, O_RDONLY);
		check(fd >= 0, path);
	} else {
		flags |= MAP_ANONYMOUS;
	}
	/* Room around it, so that nothing is merged with it. */
	p = mmap(NULL, 6 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(p != MAP_FAILED, "mmap");
	p = mmap(p + page, 4 * page, PROT_READ, flags | MAP_FIXED, fd, 0);
	check(p != MAP_FAILED, "mmap");
	say_begin(act, result_of(syscall(SYS_mprotect, p + page, 2 * page, protection)));
	if (twice)
		say_number("again", result_of(syscall(SYS_mprotect, p + page, 2 * page, protection)));
	say_unsigned("mapping", (unsigned long)p);
	say_unsigned("page", page);
	say_end();
}

/* protection:path: asks for pages 1 and 2 of four that can be read, of a file or of nothing */
void step_mprotect(char *value)
{
	long protection = take_number(&value);

	protect("mprotect", protection, value, false);
}

/* The same, asked for twice. */
void step_mprotect2(char *value)
{
	long protection = take_number(&value);

	protect("mprotect2", protection, value, true);
}

/* protection: the same in a child that shares our memory, then our facts */
void step_borrowed(char *value)
{
	pid_t child = vfork();

	if (!child) {
		protect("mprotect", atoi(value), "", false);
		_exit(0);
	}
	check(child > 0 && waitpid(child, NULL, 0) == child, "vfork");
	say("borrowed", 0);
}
