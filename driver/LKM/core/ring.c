// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a writer does seldom, and the reader's side.
 */
#include <linux/compiler.h>
#include <linux/string.h>
#include "ring.h"
#include "ring_put.h"

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

/* Never what is being written. */
bool ks_ring_evict(struct ks_ring *ring, u64 next)
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

bool ks_ring_fits(struct ks_ring *ring, u32 length)
{
	return ring->overwrite || ks_ring_has_room(ring, local64_read(&ring->head) + length);
}

int ks_ring_put(struct ks_ring *ring, const void *record, u32 length)
{
	return ks_ring_put_here(ring, record, length);
}
