// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records are built in slots: per CPU one for each level at which a probe can
 * interrupt a probe (task, softirq, hardirq, NMI-like).
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include "../compat/align.h"
#include "../compat/preempt.h"
#include "../context/context.h"
#include "../context/words.h"
#include "../engine/hook.h"
#include "about.h"
#include "limits.h"
#include "record.h"
#include "session.h"

#define KS_SLOTS	4
#define KS_SLOT_BYTES	(KSONDE_RECORD_MAX + sizeof(u64))

struct ks_slots {
	unsigned int level;
	struct ks_record record[KS_SLOTS];
};

u32 ks_wanted[KS_EVENTS];

static DEFINE_PER_CPU(struct ks_slots, ks_slots);

static noinline void record_drop(u32 event, u32 sessions, enum ksonde_drop_reason reason)
{
	struct ks_session *session;
	u32 bit;

	for (; sessions; sessions &= ~bit) {
		bit = sessions & -sessions;
		session = rcu_dereference_sched(ks_sessions[__ffs(bit)]);
		if (session)
			ks_deliver_drop(session, event, reason);
	}
}

static __always_inline struct ks_record *record_open(u32 sessions, u32 event, u16 id, u32 size)
{
	struct ks_slots *slots = this_cpu_ptr(&ks_slots);
	struct ksonde_header *header;
	u32 slot = slots->level;
	struct ks_record *record;

	if (unlikely(slot >= KS_SLOTS)) {
		record_drop(event, sessions, KSONDE_DROP_NESTED);
		return NULL;
	}
	WRITE_ONCE(slots->level, slot + 1);
	barrier();
	record = &slots->record[slot];
	record->event = event;
	record->sessions = sessions;
	record->slot = slot;
	record->end = size;
	header = (void *)record->data;
	header->event = id;
	header->flags = 0;
	header->absent = 0;
	header->cpu = smp_processor_id();
	header->hook = ~0U;
	header->time = ktime_get_boot_fast_ns();
	return record;
}

/* Its hook costs too much, or a ring is full: of what is left out each is counted. */
static noinline u32 record_unusual(struct ks_hook *hook, u32 event, u32 sessions)
{
	u32 keep = READ_ONCE(hook->keep);

	if (keep && !ks_hook_keeps(hook, keep)) {
		record_drop(event, sessions, KSONDE_DROP_GOVERNOR);
		return 0;
	}
	return ks_deliver_cut(sessions, event);
}

/* More than the hook may have of a second is counted as what a limit withholds. */
static noinline u32 record_share(struct ks_hook *hook, u32 event, u32 sessions)
{
	if (!sessions || ks_share_take(&hook->share, NSEC_PER_SEC / hook->most,
				       ktime_get_boot_fast_ns()))
		return sessions;
	record_drop(event, sessions, KSONDE_DROP_RATE_LIMIT);
	return 0;
}

static __always_inline struct ks_record *record_begin(struct ks_hook *hook, u32 event, u16 id,
						      u32 size, const struct ks_about *about)
{
	struct ksonde_header *header;
	struct ks_record *record = NULL;
	u32 sessions;

	preempt_disable_notrace();
	sessions = ks_filter(READ_ONCE(ks_wanted[event]), event, about);
	if (unlikely(READ_ONCE(ks_unusual)))
		sessions = record_unusual(hook, event, sessions);
	if (unlikely(hook->most))
		sessions = record_share(hook, event, sessions);
	if (sessions)
		record = record_open(sessions, event, id, size);
	if (!record) {
		preempt_enable_notrace();
		return NULL;
	}
	header = (void *)record->data;
	header->hook = hook->index;
	if (ks_in_interrupt())
		header->flags |= KSONDE_F_IRQ;
	ks_context_fill(record, (struct ks_context *)(header + 1));
	return record;
}

struct ks_record *ks_record_begin_task(struct ks_hook *hook, u32 event, u16 id, u32 size)
{
	return record_begin(hook, event, id, size, NULL);
}

struct ks_record *ks_record_begin_path(struct ks_hook *hook, u32 event, u16 id, u32 size,
				       const struct path *path)
{
	const struct ks_about about = { .path = path };

	return record_begin(hook, event, id, size, &about);
}

struct ks_record *ks_record_begin_address(struct ks_hook *hook, u32 event, u16 id, u32 size,
					  u16 family, const void *address)
{
	const struct ks_about about = { .address = address, .family = family };

	return record_begin(hook, event, id, size, &about);
}

struct ks_record *ks_record_begin_stray(struct ks_hook *hook, u32 event, u16 id, u32 size,
					u32 sessions, const struct ks_about *about)
{
	struct ksonde_header *header;
	struct ks_record *record = NULL;

	preempt_disable_notrace();
	sessions = ks_filter_nobody(sessions & READ_ONCE(ks_wanted[event]), event, about);
	if (unlikely(READ_ONCE(ks_unusual)))
		sessions = record_unusual(hook, event, sessions);
	if (hook->most)
		sessions = record_share(hook, event, sessions);
	if (sessions)
		record = record_open(sessions, event, id, size);
	if (!record) {
		preempt_enable_notrace();
		return NULL;
	}
	header = (void *)record->data;
	header->hook = hook->index;
	if (ks_in_interrupt())
		header->flags |= KSONDE_F_IRQ;
	return record;
}

struct ks_record *ks_record_begin_for(u32 sessions, u32 event, u16 id, u32 size)
{
	struct ks_record *record;

	preempt_disable_notrace();
	record = record_open(sessions, event, id, size);
	if (!record)
		preempt_enable_notrace();
	return record;
}

static void record_end(struct ks_record *record)
{
	barrier();
	WRITE_ONCE(this_cpu_ptr(&ks_slots)->level, record->slot);
	preempt_enable_notrace();
}

void ks_record_cancel(struct ks_record *record)
{
	record_end(record);
}

void ks_record_commit(struct ks_record *record)
{
	struct ksonde_header *header = (void *)record->data;

	header->length = ALIGN(record->end, 8);
	/* The slot has room for a word more. */
	put_unaligned(0ULL, (u64 *)(record->data + record->end));
	ks_deliver(record);
	record_end(record);
}

void ks_record_string(struct ks_record *record, struct ksonde_ref *ref,
		      const void *bytes, size_t length)
{
	size_t kept = min_t(size_t, length, KSONDE_STRING_MAX);
	void *room = ks_record_room(record, &kept);

	if (kept < length)
		ks_record_flag(record, KSONDE_F_TRUNCATED);
	if (!room)
		return;
	memcpy(room, bytes, kept);
	ks_record_keep(record, ref, room, kept);
}

void ks_record_text(struct ks_record *record, struct ksonde_ref *ref, const char *text)
{
	size_t size = KSONDE_STRING_MAX + 1;
	char *room = ks_record_room(record, &size);
	ssize_t used;

	if (likely(size > KSONDE_STRING_MAX && ks_words_are_whole(text))) {
		used = ks_words_text(room, text, KSONDE_STRING_MAX);
		if (likely(used < KSONDE_STRING_MAX)) {
			ks_record_keep(record, ref, room, used);
			return;
		}
	}
	used = room ? strscpy(room, text, size) : -E2BIG;
	if (used < 0)
		ks_record_flag(record, KSONDE_F_TRUNCATED);
	if (room)
		ks_record_keep(record, ref, room, used < 0 ? size - 1 : (size_t)used);
}

int ks_record_start(void)
{
	struct ks_slots *slots;
	unsigned int cpu, i;

	for_each_possible_cpu(cpu) {
		slots = per_cpu_ptr(&ks_slots, cpu);
		for (i = 0; i < KS_SLOTS; i++) {
			slots->record[i].data = kvmalloc_node(KS_SLOT_BYTES, GFP_KERNEL,
							      cpu_to_node(cpu));
			if (!slots->record[i].data)
				goto err_stop;
		}
	}
	return 0;

err_stop:
	ks_record_stop();
	return -ENOMEM;
}

void ks_record_stop(void)
{
	struct ks_slots *slots;
	unsigned int cpu, i;

	for_each_possible_cpu(cpu) {
		slots = per_cpu_ptr(&ks_slots, cpu);
		for (i = 0; i < KS_SLOTS; i++) {
			kvfree(slots->record[i].data);
			slots->record[i].data = NULL;
		}
	}
}
