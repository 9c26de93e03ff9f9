// SPDX-License-Identifier: GPL-2.0-only
/* Steps that send signals. */
#include "act.h"

#include <sys/syscall.h>
#include <unistd.h>

/* The same numbers in both ABIs. */
#define NR_PIDFD_SEND_SIGNAL	424
#define NR_PIDFD_OPEN		434

/* pid:signal */
void step_sendkill(char *value)
{
	int pid = take_number(&value), number = take_number(&value);

	say("sendkill", result_of(syscall(SYS_kill, pid, number)));
}

/* tid:signal */
void step_sendtkill(char *value)
{
	int tid = take_number(&value), number = take_number(&value);

	say("sendtkill", result_of(syscall(SYS_tkill, tid, number)));
}

/* tgid:tid:signal */
void step_sendtgkill(char *value)
{
	int tgid = take_number(&value), tid = take_number(&value),
	    number = take_number(&value);

	say("sendtgkill", result_of(syscall(SYS_tgkill, tgid, tid, number)));
}

/* pid:signal; pid 0: a descriptor that is no pidfd */
void step_sendpidfd(char *value)
{
	int pid = take_number(&value), number = take_number(&value);
	int fd = pid ? syscall(NR_PIDFD_OPEN, pid, 0) : dup(0);

	check(fd >= 0, "pidfd_open");
	say_begin("sendpidfd", result_of(syscall(NR_PIDFD_SEND_SIGNAL, fd, number, NULL, 0)));
	say_number("pidfd", fd);
	say_end();
}
