// SPDX-License-Identifier: GPL-2.0-only
/* Steps about io_uring, without a library. */
#include "act.h"

#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct io_uring_params params;
static int ring = -1;

/* entries:flags, io_uring_setup(2) */
void step_ring(char *value)
{
	unsigned int entries = take_number(&value);

	memset(&params, 0, sizeof(params));
	params.flags = take_number(&value);
	ring = result_of(syscall(SYS_io_uring_setup, entries, &params));
	say("ring", ring);
}

/* entries, with parameters that are not there */
void step_badring(char *value)
{
	unsigned int entries = take_number(&value);

	say("badring", result_of(syscall(SYS_io_uring_setup, entries, 16)));
}

static int personality;

/* The caller's credentials with the last ring. */
void step_personality(char *value)
{
	(void)value;
	personality = result_of(syscall(SYS_io_uring_register, ring, IORING_REGISTER_PERSONALITY,
					NULL, 0));
	say_begin("personality", personality);
	say_number("ring", ring);
	say_end();
}

/* opcode: io_uring_register(2) of nothing, with the last ring */
void step_register(char *value)
{
	unsigned int opcode = take_number(&value);

	say("register", result_of(syscall(SYS_io_uring_register, ring, opcode, NULL, 0)));
}

/* A request that does nothing, with the credentials that were registered last. */
void step_request(char *value)
{
	size_t size = params.sq_off.array + params.sq_entries * sizeof(unsigned int);
	struct io_uring_sqe *sqe;
	char *queue;

	(void)value;
	queue = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	sqe = mmap(NULL, params.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		   IORING_OFF_SQES);
	check(queue != MAP_FAILED && sqe != MAP_FAILED, "mmap");
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_NOP;
	sqe->personality = personality;
	((unsigned int *)(queue + params.sq_off.array))[0] = 0;
	__atomic_fetch_add((unsigned int *)(queue + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	say("request", result_of(syscall(SYS_io_uring_enter, ring, 1, 0, 0, NULL, 0)));
}
