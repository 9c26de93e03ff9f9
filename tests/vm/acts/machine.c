// SPDX-License-Identifier: GPL-2.0-only
/* Steps about the machine itself: other kernels, and its end. */
#include "act.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_kexec_file_load
#define SYS_kexec_file_load	(-1)	/* the 32-bit ABI has none */
#endif

/* entry:segments:flags, kexec_load(2) of segments that are not there */
void step_kexecload(char *value)
{
	unsigned long entry = take_number(&value), segments = take_number(&value);
	unsigned long flags = take_number(&value);

	say("kexecload", result_of(syscall(SYS_kexec_load, entry, segments, NULL, flags)));
}

/* flags:kernel:initrd:command line, kexec_file_load(2) */
void step_kexecfile(char *value)
{
	unsigned long flags = take_number(&value);
	int kernel = open(take_word(&value), O_RDONLY);
	int initrd = open(take_word(&value), O_RDONLY);
	unsigned long length = *value ? strlen(value) + 1 : 0;

	say("kexecfile",
	    result_of(syscall(SYS_kexec_file_load, kernel, initrd, length, value, flags)));
}

/* command:magic2:text, reboot(2) */
void step_reboot(char *value)
{
	unsigned int command = take_number(&value), magic2 = take_number(&value);

	say("reboot", result_of(syscall(SYS_reboot, 0xfee1dead, magic2, command, value)));
}

/* The same with a first number that is wrong. */
void step_badreboot(char *value)
{
	unsigned int command = take_number(&value), magic2 = take_number(&value);

	say("badreboot", result_of(syscall(SYS_reboot, 0xdeadbeef, magic2, command, value)));
}
