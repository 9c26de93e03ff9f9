// SPDX-License-Identifier: GPL-2.0-only
/*
 * core/ring.c on the host: a reader that is honest or hostile, and writers
 * that interrupt each other wherever the driver's code says that they may.
 *
 *	ring_test CASE [SEED]
 */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../../driver/LKM/core/ring.h"
#include "check.h"

#define BYTES		65536U
#define NEST_MAX	3

static struct ks_ring ring;
static struct ksonde_control control;
static struct ksonde_position reader;

/* What was told to us, to be compared with what is found. */
static u64 put_ok, put_full, evicted, next_number;
static bool interrupts, reads;
static unsigned int depth, interrupt_rate;

/* A record whose every byte follows from its number. */
struct body {
	struct ksonde_header h;
	u8 bytes[KSONDE_RECORD_MAX - sizeof(struct ksonde_header)];
};

static u8 pattern(u64 number, u32 i)
{
	return (u8)(number * 31 + i * 7 + (i >> 8));
}

static int put_length(u32 length)
{
	static __thread struct body body[NEST_MAX + 1];
	struct body *b = &body[depth];
	u64 number = next_number++;
	int err;

	b->h = (struct ksonde_header){ .length = length, .event = 1, .seq = number };
	for (u32 i = 0; i < length - sizeof(b->h); i++)
		b->bytes[i] = pattern(number, i);
	err = ks_ring_put(&ring, b, length);
	CHECK(err == 0 || err == -ENOSPC);
	if (err)
		put_full++;
	else
		put_ok++;
	return err;
}

static u32 random_length(void)
{
	u32 limit = rnd() % 16 ? 600 : KSONDE_RECORD_MAX - sizeof(struct ksonde_header);

	return sizeof(struct ksonde_header) + (rnd() % limit & ~7U);
}

static void take(u64 most);

/* Another CPU reads, or a probe interrupts this one. */
void shim_interrupt(void)
{
	if (!interrupts)
		return;
	if (reads && rnd() % 64 == 0)
		take(0);
	if (depth >= NEST_MAX || rnd() % interrupt_rate)
		return;
	depth++;
	put_length(random_length());
	depth--;
}

void ks_ring_evicted(struct ks_ring *r, const struct ksonde_header *header)
{
	CHECK(r == &ring);
	CHECK(header->length >= sizeof(*header) && header->length <= KSONDE_RECORD_MAX);
	evicted++;
}

/* The same pages twice in a row, as the driver has them. */
static void make(bool overwrite)
{
	int fd = memfd_create("ring", 0);
	u8 *data;

	CHECK(fd >= 0 && !ftruncate(fd, BYTES));
	data = mmap(NULL, 2 * BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(data != MAP_FAILED);
	for (int i = 0; i < 2; i++)
		CHECK(mmap(data + i * BYTES, BYTES, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	close(fd);
	memset(&ring, 0, sizeof(ring));
	ring.bytes = BYTES;
	ring.overwrite = overwrite;
	ring.data = data;
	ring.control = &control;
	ring.reader = &reader;
	control = (struct ksonde_control){ .bytes = BYTES };
	reader.position = 0;
	put_ok = put_full = evicted = next_number = 0;
}

static u64 got, last_number;
static bool ordered;

/* Reads what is there, as a reader would; stops after most bytes (0: all). */
static void take(u64 most)
{
	u64 at = reader.position, head = control.head;
	const struct body *b;

	if ((s64)(control.oldest - at) > 0)
		at = control.oldest;
	CHECK(head - at <= BYTES);
	while (at != head && (!most || at - reader.position < most)) {
		b = (const void *)(ring.data + (at & (BYTES - 1)));
		CHECK(b->h.length >= sizeof(b->h) && b->h.length <= KSONDE_RECORD_MAX);
		CHECK(b->h.length % 8 == 0 && b->h.length <= head - at);
		for (u32 i = 0; i < b->h.length - sizeof(b->h); i++)
			CHECK(b->bytes[i] == pattern(b->h.seq, i));
		CHECK(!ordered || !got || b->h.seq > last_number);
		last_number = b->h.seq;
		got++;
		at += b->h.length;
	}
	reader.position = at;
}

static void finish(void)
{
	CHECK(ring.nest == 0);
	CHECK(control.head == ring.published && ring.published == (u64)ring.head.value);
	take(0);
	CHECK(ks_ring_unread(&ring) == 0);
	CHECK(got + evicted == put_ok);
	CHECK(put_ok + put_full == next_number);
}

/* Records come out as they went in; a full ring takes no more, and takes again. */
static void case_full(void)
{
	u64 fit;

	make(false);
	ordered = true;
	while (!put_length(104))
		;
	fit = put_ok;
	CHECK(fit == BYTES / 104);
	CHECK(put_full == 1);
	CHECK(ks_ring_unread(&ring) == fit * 104);
	CHECK(put_length(104) == -ENOSPC);
	take(104);
	CHECK(got == 1);
	CHECK(put_length(104) == 0);
	CHECK(put_length(104) == -ENOSPC);
	finish();
	CHECK(got == fit + 1 && put_full == 3 && evicted == 0);
}

/* To the last byte, and around the end many times, at every alignment. */
static void case_wrap(void)
{
	make(false);
	ordered = true;
	CHECK(put_length(32768) == 0 && put_length(32768) == 0);
	CHECK(ks_ring_unread(&ring) == BYTES);
	CHECK(put_length(40) == -ENOSPC);
	take(0);
	for (int i = 0; i < 20000; i++) {
		CHECK(put_length(40 + i % 700 * 8) == 0);
		if (i % 3 == 0)
			take(0);
	}
	finish();
	CHECK(control.head > 100 * (u64)BYTES);
}

/* The positions are 64 bits and may pass 2^32 and, for the sake of it, 2^64. */
static void case_overflow(void)
{
	static const u64 starts[] = { (1ULL << 32) - 512, (1ULL << 63) - 512, -512ULL };

	for (int i = 0; i < 3; i++) {
		make(false);
		got = 0;
		ring.head.value = ring.published = ring.position = starts[i];
		ring.oldest.value = control.head = control.oldest = starts[i];
		reader.position = starts[i];
		ordered = true;
		for (int n = 0; n < 1000; n++) {
			CHECK(put_length(88) == 0);
			take(0);
		}
		finish();
		CHECK(got == 1000);
	}
}

/* Flight recorder: the newest are kept, whole, and every other one is told. */
static void case_evict(void)
{
	make(true);
	ordered = true;
	for (int i = 0; i < 5000; i++)
		CHECK(put_length(40 + rnd() % 500 * 8) == 0);
	CHECK(control.head - control.oldest <= BYTES);
	CHECK(control.head - control.oldest > BYTES - KSONDE_RECORD_MAX);
	finish();
	CHECK(last_number == 4999);
	CHECK(put_full == 0 && got + evicted == 5000);
}

/* Words that no honest reader writes are as if they had not been written. */
static void case_hostile(void)
{
	static const u64 words[] = {
		0, 1, 7, 1ULL << 31, 1ULL << 32, 1ULL << 63, -1ULL, -8ULL,
	};

	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		make(false);
		got = 0;
		while (!put_length(104))
			;
		take(10 * 104);
		CHECK(put_length(1024) == 0);
		CHECK(ks_ring_position(&ring) == reader.position);
		u64 good = reader.position;
		u64 was = put_ok;

		reader.position = words[w];
		CHECK(ks_ring_position(&ring) == good);
		reader.position = control.head + 8;
		CHECK(ks_ring_position(&ring) == good);
		reader.position = good - 8;
		CHECK(ks_ring_position(&ring) == good);
		reader.position = words[w];
		while (!put_length(104))
			;
		/* Not one byte more than the honest position allows. */
		CHECK(ring.published - good <= BYTES);
		CHECK(put_ok - was <= 10);
		reader.position = good;
		finish();
	}
	/* Within what is possible but not at a record: harms the reader only. */
	make(false);
	got = 0;
	while (!put_length(104))
		;
	reader.position = 12345;
	for (int i = 0; i < 1000; i++)
		put_length(104);
	CHECK(ring.published - ring.position <= BYTES);
	CHECK(ring.published - 12345 <= BYTES);
	CHECK(put_ok + put_full == next_number);
}

/* Writers interrupt writers at every marked access; a reader comes and goes. */
static void run_random(bool overwrite, unsigned int rate, bool hostile)
{
	make(overwrite);
	got = 0;
	ordered = false;
	interrupt_rate = rate;
	reads = !overwrite && !hostile && rate < 10;
	for (int i = 0; i < 8000; i++) {
		interrupts = true;
		put_length(random_length());
		interrupts = false;
		CHECK(ring.nest == 0);
		CHECK(control.head == ring.published);
		CHECK(ring.published == (u64)ring.head.value);
		CHECK(control.oldest == (u64)ring.oldest.value);
		if (!overwrite)
			CHECK(control.head - ks_ring_position(&ring) <= BYTES);
		if (hostile && rnd() % 4 == 0) {
			u64 honest = ks_ring_position(&ring);

			reader.position = rnd() >> (rnd() % 64);
			/* A guess that is possible is believed: then it is where we are. */
			if (ks_ring_position(&ring) == honest)
				reader.position = honest;
			continue;
		}
		if (!overwrite && rnd() % 8 == 0) {
			if (!hostile)
				take(rnd() % 2 ? 0 : 4096);
			else
				reader.position = control.head;
		}
	}
	if (hostile) {
		CHECK(put_ok + put_full == next_number);
		return;
	}
	finish();
	CHECK(overwrite || reads || put_full);
	CHECK(!overwrite || evicted);
}

static void case_nested(void)
{
	run_random(false, 7, false);
	run_random(false, 50, false);
}

static void case_nested_overwrite(void)
{
	run_random(true, 7, false);
	run_random(true, 50, false);
}

static void case_nested_hostile(void)
{
	run_random(false, 20, true);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		{ "full", case_full }, { "wrap", case_wrap },
		{ "overflow", case_overflow }, { "evict", case_evict },
		{ "hostile", case_hostile }, { "nested", case_nested },
		{ "nested_overwrite", case_nested_overwrite },
		{ "nested_hostile", case_nested_hostile },
	};

	if (argc > 2)
		random_state = strtoull(argv[2], NULL, 0) * 2654435761U + 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (argc > 1 && !strcmp(argv[1], cases[i].name)) {
			cases[i].run();
			printf("%s: %llu put, %llu refused, %llu overwritten\n", argv[1],
			       (unsigned long long)put_ok, (unsigned long long)put_full,
			       (unsigned long long)evicted);
			return 0;
		}
	}
	fprintf(stderr, "ring_test CASE [SEED]\n");
	return 2;
}
