/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every access that the driver marks, and every barrier, is a place where a
 * probe could interrupt it: shim_interrupt() is called there.
 */
#ifndef SHIM_COMPILER_H
#define SHIM_COMPILER_H

void shim_interrupt(void);

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define noinline	__attribute__((noinline))
#define barrier()	do { shim_interrupt(); __asm__ __volatile__("" ::: "memory"); } while (0)
#define READ_ONCE(x)	({ shim_interrupt(); *(const volatile __typeof__(x) *)&(x); })
#define WRITE_ONCE(x, v) \
	({ *(volatile __typeof__(x) *)&(x) = (v); shim_interrupt(); })

#endif /* SHIM_COMPILER_H */
