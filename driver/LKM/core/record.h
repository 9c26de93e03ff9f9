/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only writer of records.  A record is built once, in a slot of this CPU,
 * and copied to the ring of every session that wants it.
 *
 *	struct ks_record *r = ks_record_begin(hook, connect);
 *
 *	if (!r)
 *		return;
 *	e = ks_record_event(r, connect);
 *	e->family = family;
 *	ks_record_string(r, &e->path, path, length);
 *	ks_absent(r, connect, local_port);
 *	ks_record_commit(r);
 *
 * From begin to commit preemption is off and nothing may sleep.  begin gives
 * NULL when no session wants the event of this task: nobody asked, or the
 * filters hold it back; and when no slot is free (counted).  All fields are
 * zero and the context is filled in then.
 */
#ifndef KS_RECORD_H
#define KS_RECORD_H

#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>
#include "../events/events.h"

struct ks_about;
struct ks_hook;
struct path;
struct task_struct;

/* A record under construction. */
struct ks_record {
	u32 event;		/* enum ks_event_index */
	u32 end;		/* bytes used */
	u32 sessions;		/* who gets it, a bit each */
	u32 slot;		/* nesting level */
	u8 *data;		/* KSONDE_RECORD_MAX bytes, begins with the header */
};

/* Which sessions want an event, a bit each; by enum ks_event_index. */
extern u32 ks_wanted[KS_EVENTS];

/* The cheapest of all checks, first in every handler. */
#define ks_is_wanted(name)	(unlikely(READ_ONCE(ks_wanted[KS_EV_##name]) != 0))

/* The fields behind the header, or the context.  Here, as they are few bytes, mostly. */
static __always_inline struct ks_record *ks_record_zeroed(struct ks_record *record, u32 from,
							  u32 size)
{
	if (likely(record))
		memset(record->data + from, 0, size - from);
	return record;
}

#define KS_RECORD_FIELDS	(sizeof(struct ksonde_header) + sizeof(struct ks_context))

#define ks_record_begin(hook, name) \
	ks_record_zeroed(ks_record_begin_task(hook, KS_EV_##name, KS_ID_##name, \
					      sizeof(struct ks_event_##name)), \
			 KS_RECORD_FIELDS, sizeof(struct ks_event_##name))
struct ks_record *ks_record_begin_task(struct ks_hook *hook, u32 event, u16 id,
				       u32 size);
/* The same, where rules may ask for the path of what the event is about. */
#define ks_record_begin_about(hook, name, path) \
	ks_record_zeroed(ks_record_begin_path(hook, KS_EV_##name, KS_ID_##name, \
					      sizeof(struct ks_event_##name), path), \
			 KS_RECORD_FIELDS, sizeof(struct ks_event_##name))
struct ks_record *ks_record_begin_path(struct ks_hook *hook, u32 event, u16 id,
				       u32 size, const struct path *path);
/* The same of an address: in_family says of which kind; of others there is none. */
#define ks_record_begin_with(hook, name, in_family, address) \
	ks_record_zeroed(ks_record_begin_address(hook, KS_EV_##name, KS_ID_##name, \
						 sizeof(struct ks_event_##name), in_family, \
						 address), \
			 KS_RECORD_FIELDS, sizeof(struct ks_event_##name))
struct ks_record *ks_record_begin_address(struct ks_hook *hook, u32 event, u16 id, u32 size,
					  u16 family, const void *address);
/*
 * The same of an event without a context, as nobody of this host acts, for those
 * of these sessions (a bit each) that want it.
 */
#define ks_record_begin_nobody(hook, name, sessions, about) \
	ks_record_zeroed(ks_record_begin_stray(hook, KS_EV_##name, KS_ID_##name, \
					       sizeof(struct ks_event_##name), sessions, about), \
			 sizeof(struct ksonde_header), sizeof(struct ks_event_##name))
struct ks_record *ks_record_begin_stray(struct ks_hook *hook, u32 event, u16 id, u32 size,
					u32 sessions, const struct ks_about *about);
/* A record without a context, for these sessions (a bit each). */
#define ks_record_begin_plain(sessions, name) \
	ks_record_zeroed(ks_record_begin_for(sessions, KS_EV_##name, KS_ID_##name, \
					     sizeof(struct ks_event_##name)), \
			 sizeof(struct ksonde_header), sizeof(struct ks_event_##name))
struct ks_record *ks_record_begin_for(u32 sessions, u32 event, u16 id, u32 size);
#define ks_record_event(record, name) \
	((struct ks_event_##name *)(record)->data)
void ks_record_commit(struct ks_record *record);
void ks_record_cancel(struct ks_record *record);

/* Sets KSONDE_F_* flags. */
static inline void ks_record_flag(struct ks_record *record, u16 flags)
{
	((struct ksonde_header *)record->data)->flags |= flags;
}

/* Appends length bytes; what does not fit is cut and the record is flagged. */
void ks_record_string(struct ks_record *record, struct ksonde_ref *ref,
		      const void *bytes, size_t length);

/* Appends a NUL-terminated string of the kernel's, found and copied in one pass. */
void ks_record_text(struct ks_record *record, struct ksonde_ref *ref, const char *text);

/*
 * Room for a string, vector or list that is made in place: at most *length
 * bytes (cut, without a flag, to what is left).  Then ks_record_keep() says
 * how many of them were used.  NULL when nothing is left.
 */
static inline void *ks_record_room(struct ks_record *record, size_t *length)
{
	size_t left = KSONDE_RECORD_MAX - record->end;

	*length = min(*length, left);
	return left ? record->data + record->end : NULL;
}

static inline void ks_record_keep(struct ks_record *record, struct ksonde_ref *ref,
				  const void *room, size_t used)
{
	ref->offset = (const u8 *)room - record->data;
	ref->length = used;
	record->end = ref->offset + used;
}

/* Says that a field of the event, or of the context, has no value. */
#define ks_absent(record, name, field) \
	(((struct ksonde_header *)(record)->data)->absent |= \
	 1ULL << (32 + offsetof(struct ks_index_##name, field)))
#define ks_absent_context(record, field) \
	(((struct ksonde_header *)(record)->data)->absent |= \
	 1ULL << offsetof(struct ks_index_context, field))

/* The slots are there while a session is started. */
int ks_record_start(void);
void ks_record_stop(void);

#endif /* KS_RECORD_H */
