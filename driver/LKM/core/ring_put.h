/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reserve, copy, publish: inlined where every record goes through.  A writer
 * that interrupts another one on the same CPU reserves behind it and leaves
 * the publishing to it, so that the head that readers see never covers a
 * record half written.
 */
#ifndef KS_RING_PUT_H
#define KS_RING_PUT_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <asm/barrier.h>
#include "ring.h"

/* Flight recorder: gives up whole records until next fits. */
bool ks_ring_evict(struct ks_ring *ring, u64 next);

static __always_inline bool ks_ring_has_room(struct ks_ring *ring, u64 next)
{
	if (ring->overwrite)
		return ks_ring_evict(ring, next);
	/* The reader's page is looked at only when its last good word is not enough. */
	return next - READ_ONCE(ring->position) <= ring->bytes ||
	       next - ks_ring_position(ring) <= ring->bytes;
}

static __always_inline void ks_ring_publish(struct ks_ring *ring)
{
	u64 head, oldest;

	for (;;) {
		head = local64_read(&ring->head);
		oldest = local64_read(&ring->oldest);
		barrier();
		if (ring->nest > 1) {
			ring->nest--;
			return;
		}
		WRITE_ONCE(ring->published, head);
		WRITE_ONCE(ring->control->oldest, oldest);
		/* The reader's acquire sees whole records. */
		smp_store_release(&ring->control->head, head);
		barrier();
		WRITE_ONCE(ring->nest, 0);
		barrier();
		/* A writer that came between saw nest == 1 and left its record to us. */
		if (likely(head == local64_read(&ring->head) &&
			   oldest == local64_read(&ring->oldest)))
			return;
		WRITE_ONCE(ring->nest, 1);
		barrier();
	}
}

/* By words: most records are short, and memcpy() costs half as much again. */
#define KS_RING_SHORT	1024

static __always_inline void ks_ring_copy(void *to, const void *from, u32 length)
{
	const u64 *source = from;
	u64 *target = to;
	u32 left;

	if (unlikely(length > KS_RING_SHORT)) {
		memcpy(to, from, length);
		return;
	}
	for (left = length / sizeof(u64); left >= 8; left -= 8) {
		target[0] = source[0];
		target[1] = source[1];
		target[2] = source[2];
		target[3] = source[3];
		target[4] = source[4];
		target[5] = source[5];
		target[6] = source[6];
		target[7] = source[7];
		target += 8;
		source += 8;
	}
	if (left & 4) {
		target[0] = source[0];
		target[1] = source[1];
		target[2] = source[2];
		target[3] = source[3];
		target += 4;
		source += 4;
	}
	if (left & 2) {
		target[0] = source[0];
		target[1] = source[1];
		target += 2;
		source += 2;
	}
	if (left & 1)
		target[0] = source[0];
}

/* ks_ring_put(), without the call. */
static __always_inline int ks_ring_put_here(struct ks_ring *ring, const void *record, u32 length)
{
	u64 head, next;
	int err = 0;

	WRITE_ONCE(ring->nest, ring->nest + 1);
	barrier();
	do {
		head = local64_read(&ring->head);
		next = head + length;
		if (!ks_ring_has_room(ring, next)) {
			err = -ENOSPC;
			goto publish;
		}
	} while (local64_cmpxchg(&ring->head, head, next) != head);
	ks_ring_copy(ring->data + (head & (ring->bytes - 1)), record, length);
publish:
	ks_ring_publish(ring);
	return err;
}

#endif /* KS_RING_PUT_H */
