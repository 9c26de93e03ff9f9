// SPDX-License-Identifier: GPL-2.0-only
/* Steps about memory. */
#include "act.h"

#include <sys/syscall.h>
#include <unistd.h>

/* flags:name */
void step_makememfd(char *value)
{
	unsigned int flags = take_number(&value);

	say("makememfd", result_of(syscall(SYS_memfd_create, value, flags)));
}

/* A name that is not there. */
void step_badmemfd(char *value)
{
	(void)value;
	say("badmemfd", result_of(syscall(SYS_memfd_create, 16, 0)));
}
