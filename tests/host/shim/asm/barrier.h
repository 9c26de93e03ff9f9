/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_BARRIER_H
#define SHIM_BARRIER_H

#include <linux/compiler.h>

#define smp_store_release(p, v)	WRITE_ONCE(*(p), v)
#define smp_load_acquire(p)	READ_ONCE(*(p))

#endif /* SHIM_BARRIER_H */
