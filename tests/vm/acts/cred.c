// SPDX-License-Identifier: GPL-2.0-only
/* Steps that change credentials.  Each prints the facts before and after. */
#include "act.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__i386__)
/* The calls that take 32-bit ids. */
#define NR_SETRESUID	SYS_setresuid32
#define NR_SETRESGID	SYS_setresgid32
#define NR_SETUID	SYS_setuid32
#else
#define NR_SETRESUID	SYS_setresuid
#define NR_SETRESGID	SYS_setresgid
#define NR_SETUID	SYS_setuid
#endif

/* real:effective:saved, -1 for unchanged */
void step_setresuid(char *value)
{
	int r = take_number(&value), e = take_number(&value), s = take_number(&value);

	say("before", 0);
	say("setresuid", result_of(syscall(NR_SETRESUID, r, e, s)));
}

void step_setresgid(char *value)
{
	int r = take_number(&value), e = take_number(&value), s = take_number(&value);

	say("before", 0);
	say("setresgid", result_of(syscall(NR_SETRESGID, r, e, s)));
}

void step_setuid(char *value)
{
	say("before", 0);
	say("setuid", result_of(syscall(NR_SETUID, atoi(value))));
}

static struct __user_cap_header_struct header = {
	.version = _LINUX_CAPABILITY_VERSION_3,
};

/* number: that capability becomes effective */
void step_raise(char *value)
{
	struct __user_cap_data_struct data[2];
	int cap = atoi(value);

	say("before", 0);
	check(!syscall(SYS_capget, &header, data), "capget");
	data[cap / 32].effective |= 1U << (cap % 32);
	say("raise", result_of(syscall(SYS_capset, &header, data)));
}

/* number: that capability is dropped from the effective set */
void step_lower(char *value)
{
	struct __user_cap_data_struct data[2];
	int cap = atoi(value);

	say("before", 0);
	check(!syscall(SYS_capget, &header, data), "capget");
	data[cap / 32].effective &= ~(1U << (cap % 32));
	say("lower", result_of(syscall(SYS_capset, &header, data)));
}

/* number: that capability becomes inheritable */
void step_inherit(char *value)
{
	struct __user_cap_data_struct data[2];
	int cap = atoi(value);

	say("before", 0);
	check(!syscall(SYS_capget, &header, data), "capget");
	data[cap / 32].inheritable |= 1U << (cap % 32);
	say("inherit", result_of(syscall(SYS_capset, &header, data)));
}

/* number: that capability becomes ambient */
void step_ambient(char *value)
{
	say("before", 0);
	say("ambient", result_of(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE,
				       atoi(value), 0, 0)));
}
