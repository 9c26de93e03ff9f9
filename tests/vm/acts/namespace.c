// SPDX-License-Identifier: GPL-2.0-only
/* Steps that go into other namespaces, or under another root. */
#include "act.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

/* flags, unshare(2) */
void step_newspaces(char *value)
{
	say("newspaces", result_of(syscall(SYS_unshare, take_number(&value))));
}

/* kinds:path, setns(2) */
void step_setns(char *value)
{
	long kinds = take_number(&value);
	int fd = open(value, O_RDONLY);

	say("setns", result_of(syscall(SYS_setns, fd, kinds)));
}

/* kinds:pid, setns(2) to the namespaces of a process */
void step_pidfd(char *value)
{
	long kinds = take_number(&value);
	int fd = syscall(434, atoi(value), 0);

	check(fd >= 0, "pidfd_open");
	say("pidfd", result_of(syscall(SYS_setns, fd, kinds)));
}

/* no mount is shared with others any more */
void step_private(char *value)
{
	(void)value;
	check(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
}

/* path, which becomes a mount point, of itself */
void step_bindself(char *value)
{
	check(!mount(value, value, NULL, MS_BIND | MS_REC, NULL), value);
}

/* new:old, pivot_root(2) */
void step_pivot_root(char *value)
{
	char *new = take_word(&value);

	say("pivot_root", result_of(syscall(SYS_pivot_root, new, value)));
}

/* path, chroot(2) */
void step_chroot(char *value)
{
	say("chroot", result_of(syscall(SYS_chroot, value)));
}
