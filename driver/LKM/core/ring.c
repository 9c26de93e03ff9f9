// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reserve, copy, publish.  A writer that interrupts another one on the same
 * CPU reserves behind it and leaves the publishing to it, so that the head
 * that readers see never covers a record half written.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <asm/barrier.h>
#include "ring.h"

u64 ks_ring_position(struct ks_ring *ring)
{
	u64 last = READ_ONCE(ring->position);
	u64 said = READ_ONCE(ring->reader->position);

	if (said - last <= READ_ONCE(ring->published) - last) {
		WRITE_ONCE(ring->position, said);
		return said;
	}
	return last;
}

u64 ks_ring_begin(struct ks_ring *ring)
{
	u64 from = ks_ring_position(ring);
	u64 oldest = local64_read(&ring->oldest);

	return ring->overwrite && (s64)(oldest - from) > 0 ? oldest : from;
}

u64 ks_ring_unread(struct ks_ring *ring)
{
	u64 head = READ_ONCE(ring->published);
	u64 from = ks_ring_begin(ring);

	return (s64)(head - from) > 0 ? head - from : 0;
}

/* Flight recorder: gives up whole records until next fits.  Never what is being written. */
static noinline bool ring_evict(struct ks_ring *ring, u64 next)
{
	struct ksonde_header header;
	u64 oldest = local64_read(&ring->oldest);
	u32 length;

	while (next - oldest > ring->bytes) {
		if (oldest == READ_ONCE(ring->published))
			return false;
		memcpy(&header, ring->data + (oldest & (ring->bytes - 1)), sizeof(header));
		length = header.length;
		if (local64_cmpxchg(&ring->oldest, oldest, oldest + length) == oldest) {
			ks_ring_evicted(ring, &header);
			WRITE_ONCE(ring->control->oldest, oldest + length);
		}
		oldest = local64_read(&ring->oldest);
	}
	return true;
}

static bool ring_has_room(struct ks_ring *ring, u64 next)
{
	if (ring->overwrite)
		return ring_evict(ring, next);
	/* The reader's page is looked at only when its last good word is not enough. */
	return next - READ_ONCE(ring->position) <= ring->bytes ||
	       next - ks_ring_position(ring) <= ring->bytes;
}

bool ks_ring_fits(struct ks_ring *ring, u32 length)
{
	return ring->overwrite || ring_has_room(ring, local64_read(&ring->head) + length);
}

static void ring_publish(struct ks_ring *ring)
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
#define KS_SHORT	1024

static __always_inline void copy_record(void *to, const void *from, u32 length)
{
	const u64 *source = from;
	u64 *target = to;
	u32 left;

	if (unlikely(length > KS_SHORT)) {
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

int ks_ring_put(struct ks_ring *ring, const void *record, u32 length)
{
	u64 head, next;
	int err = 0;

	WRITE_ONCE(ring->nest, ring->nest + 1);
	barrier();
	do {
		head = local64_read(&ring->head);
		next = head + length;
		if (!ring_has_room(ring, next)) {
			err = -ENOSPC;
			goto publish;
		}
	} while (local64_cmpxchg(&ring->head, head, next) != head);
	copy_record(ring->data + (head & (ring->bytes - 1)), record, length);
publish:
	ring_publish(ring);
	return err;
}
