// SPDX-License-Identifier: GPL-2.0-only
/* Steps about perf events. */
#include "act.h"

#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { USER = 1, KERNEL = 2, HYPERVISOR = 4 };

/* type:config:excluded:pid:cpu:group:flags, perf_event_open(2) */
void step_perf(char *value)
{
	struct perf_event_attr attr = { .size = sizeof(attr), .disabled = 1 };
	long excluded, pid, cpu, group;

	attr.type = take_number(&value);
	attr.config = take_number(&value);
	excluded = take_number(&value);
	attr.exclude_user = !!(excluded & USER);
	attr.exclude_kernel = !!(excluded & KERNEL);
	attr.exclude_hv = !!(excluded & HYPERVISOR);
	pid = take_number(&value);
	cpu = take_number(&value);
	group = take_number(&value);
	say("perf", result_of(syscall(SYS_perf_event_open, &attr, pid, cpu, group,
				      strtoul(value, NULL, 0))));
}

/* What is asked for is not there. */
void step_badperf(char *value)
{
	(void)value;
	say("badperf", result_of(syscall(SYS_perf_event_open, 16, 0, -1, -1, 0)));
}
