// SPDX-License-Identifier: GPL-2.0-only
/* Steps that bring something of BPF into the kernel. */
#include "act.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAP_CREATE = 0, PROG_LOAD = 5, PROG_ATTACH = 8, LINK_CREATE = 28 };

static union bpf_attr attr;
/* return 1; */
static struct bpf_insn program[2] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
	{ .code = BPF_JMP | BPF_EXIT },
};
/* Of the last step that made one. */
static int program_fd = -1;

static long bpf(long command, size_t size)
{
	return result_of(syscall(SYS_bpf, command, &attr, size));
}

/* type:attach:name, a program of two instructions; name with its NUL, or 16 bytes */
void step_bpfload(char *value)
{
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = take_number(&value);
	attr.expected_attach_type = take_number(&value);
	attr.insn_cnt = 2;
	attr.insns = (uintptr_t)program;
	attr.license = (uintptr_t)"GPL";
	memcpy(attr.prog_name, value, strnlen(value, sizeof(attr.prog_name)));
	program_fd = bpf(PROG_LOAD, sizeof(attr));
	say("bpfload", program_fd);
}

/* size:type, a call with so many bytes, behind which there are others */
void step_bpfshort(char *value)
{
	size_t size = take_number(&value);

	memset(&attr, 0xff, sizeof(attr));
	attr.prog_type = take_number(&value);
	say("bpfshort", bpf(PROG_LOAD, size));
}

/* type:name */
void step_bpfmap(char *value)
{
	memset(&attr, 0, sizeof(attr));
	attr.map_type = take_number(&value);
	attr.key_size = 4;
	attr.value_size = 8;
	attr.max_entries = 1;
	memcpy(attr.map_name, value, strnlen(value, sizeof(attr.map_name)));
	say("bpfmap", bpf(MAP_CREATE, sizeof(attr)));
}

/* attach:folder, the last program to a cgroup */
void step_bpfattach(char *value)
{
	memset(&attr, 0, sizeof(attr));
	attr.attach_type = take_number(&value);
	attr.target_fd = open(value, O_RDONLY | O_DIRECTORY);
	attr.attach_bpf_fd = program_fd;
	say("bpfattach", bpf(PROG_ATTACH, sizeof(attr)));
}

/* The same by a link, which is gone when the program ends. */
void step_bpflink(char *value)
{
	memset(&attr, 0, sizeof(attr));
	attr.link_create.attach_type = take_number(&value);
	attr.link_create.target_fd = open(value, O_RDONLY | O_DIRECTORY);
	attr.link_create.prog_fd = program_fd;
	say("bpflink", bpf(LINK_CREATE, sizeof(attr)));
}

/* command:size of zeros */
void step_bpf(char *value)
{
	long command = take_number(&value);

	memset(&attr, 0, sizeof(attr));
	say("bpf", bpf(command, take_number(&value)));
}

/* command, with attributes that are not there */
void step_badbpf(char *value)
{
	long command = take_number(&value);

	say("badbpf", result_of(syscall(SYS_bpf, command, 16, 72)));
}
