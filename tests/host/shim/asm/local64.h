/* SPDX-License-Identifier: GPL-2.0-only */
/* Atomic against interrupts on the same CPU: one piece here. */
#ifndef SHIM_LOCAL64_H
#define SHIM_LOCAL64_H

#include <linux/compiler.h>
#include <linux/types.h>

typedef struct {
	s64 value;
} local64_t;

#define local64_read(l)		READ_ONCE((l)->value)
#define local64_set(l, v)	WRITE_ONCE((l)->value, v)

static inline s64 local64_cmpxchg(local64_t *l, s64 old, s64 new)
{
	s64 was;

	shim_interrupt();
	was = l->value;
	if (was == old)
		l->value = new;
	shim_interrupt();
	return was;
}

#endif /* SHIM_LOCAL64_H */
