/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One CPU's ring of one session: records of any length, written on that CPU
 * only, in any context (a probe may interrupt a probe), read from anywhere.
 *
 * The writer's positions are private; the control page carries copies of
 * them.  Nothing that user space can write is trusted: its position is taken
 * only while it lies between its last good one and the published head.
 */
#ifndef KS_RING_H
#define KS_RING_H

#include <linux/types.h>
#include <asm/local64.h>
#include "../uapi/ksonde.h"

struct page;
struct vm_area_struct;

struct ks_ring {
	local64_t head;		/* end of the last reservation */
	local64_t oldest;	/* flight recorder: first byte still kept */
	u64 published;		/* end of the last record whole */
	u64 position;		/* the reader's last good one */
	u64 bytes;		/* a power of two */
	unsigned int nest;	/* writers under way on this CPU */
	bool overwrite;
	u8 *data;		/* the pages, mapped twice in a row */
	struct ksonde_control *control;
	struct ksonde_position *reader;

	/* ring_pages.c */
	struct page **pages;
	unsigned int nr_pages;
};

/*
 * Appends a record of length bytes (a multiple of 8, header->length) made at
 * record.  Returns 0, or -ENOSPC when there is no room.  On the ring's CPU,
 * preemption off.
 */
int ks_ring_put(struct ks_ring *ring, const void *record, u32 length);

/* Whether it would find room.  On the ring's CPU. */
bool ks_ring_fits(struct ks_ring *ring, u32 length);

/* Where what the reader has not read yet begins.  Anywhere. */
u64 ks_ring_begin(struct ks_ring *ring);

/* And how much that is, bytes.  Anywhere. */
u64 ks_ring_unread(struct ks_ring *ring);

/* Where the reader is, as far as it can be believed.  Anywhere. */
u64 ks_ring_position(struct ks_ring *ring);

/* Told of each record that is overwritten; the ring's owner has it. */
void ks_ring_evicted(struct ks_ring *ring, const struct ksonde_header *header);

/* ring_pages.c */
int ks_ring_alloc(struct ks_ring *ring, u64 bytes, bool overwrite);
void ks_ring_free(struct ks_ring *ring);
int ks_ring_map(struct ks_ring *ring, enum ksonde_region region,
		struct vm_area_struct *vma);

#endif /* KS_RING_H */
