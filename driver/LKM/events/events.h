/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rows of all.def become in C.  For each event x: struct ks_event_x
 * (the record), struct ks_index_x (offsetof() of a member is the field's
 * number), KS_EV_x (dense number) and KS_ID_x (id).  schema.c turns the same
 * rows into the schema that readers get.
 */
#ifndef KS_EVENTS_H
#define KS_EVENTS_H

#include <linux/stddef.h>
#include <linux/types.h>
#include "../uapi/ksonde.h"

/* The records. */
#define KS_EVENT(name, id, profile, doc) \
	struct ks_event_##name { struct ksonde_header h; struct ks_context c;
#define KS_EVENT_PLAIN(name, id, profile, doc) \
	struct ks_event_##name { struct ksonde_header h;
#define KS_END(name)			} __aligned(8);
#define KS_U16(f, format, doc)		__u16 f;
#define KS_U32(f, format, doc)		__u32 f;
#define KS_U64(f, format, doc)		__u64 f;
#define KS_S32(f, format, doc)		__s32 f;
#define KS_S64(f, format, doc)		__s64 f;
#define KS_CHARS(f, n, format, doc)	__u8 f[n];
#define KS_BYTES(f, n, format, doc)	__u8 f[n];
#define KS_STR(f, format, doc)		struct ksonde_ref f;
#define KS_VEC(f, format, doc)		struct ksonde_ref f;
#define KS_LIST(f, of, format, doc)	struct ksonde_ref f;
struct ks_context {
#include "context.def"
};
#include "all.def"
#include "undef.h"

/* The bytes of the context's fields: when it has more, it has holes that nobody sets. */
#define KS_U16(f, format, doc)		+ sizeof(__u16)
#define KS_U32(f, format, doc)		+ sizeof(__u32)
#define KS_U64(f, format, doc)		+ sizeof(__u64)
#define KS_S32(f, format, doc)		+ sizeof(__s32)
#define KS_S64(f, format, doc)		+ sizeof(__s64)
#define KS_CHARS(f, n, format, doc)	+ (n)
#define KS_BYTES(f, n, format, doc)	+ (n)
#define KS_STR(f, format, doc)		+ sizeof(struct ksonde_ref)
#define KS_VEC(f, format, doc)		+ sizeof(struct ksonde_ref)
#define KS_LIST(f, of, format, doc)	+ sizeof(struct ksonde_ref)
enum {
	KS_CONTEXT_BYTES = 0
#include "context.def"
};
#include "undef.h"

/* The numbers of the fields: a bit each of half a u64, which says what is absent. */
#define KS_EVENT(name, id, profile, doc)	struct ks_index_##name {
#define KS_EVENT_PLAIN(name, id, profile, doc)	struct ks_index_##name {
#define KS_END(name)			}; \
	_Static_assert(sizeof(struct ks_index_##name) <= 32, "too many fields in " #name);
#define KS_U16(f, format, doc)		char f;
#define KS_U32(f, format, doc)		char f;
#define KS_U64(f, format, doc)		char f;
#define KS_S32(f, format, doc)		char f;
#define KS_S64(f, format, doc)		char f;
#define KS_CHARS(f, n, format, doc)	char f;
#define KS_BYTES(f, n, format, doc)	char f;
#define KS_STR(f, format, doc)		char f;
#define KS_VEC(f, format, doc)		char f;
#define KS_LIST(f, of, format, doc)	char f;
struct ks_index_context {
#include "context.def"
};
#include "all.def"
#include "undef.h"

/* The numbers of the events: dense, and by id. */
#include "nofields.h"
#define KS_EVENT(name, id, profile, doc)	KS_EV_##name,
#define KS_EVENT_PLAIN(name, id, profile, doc)	KS_EV_##name,
#define KS_END(name)
enum ks_event_index {
#include "all.def"
	KS_EVENTS
};
#undef KS_EVENT
#undef KS_EVENT_PLAIN
#define KS_EVENT(name, id, profile, doc)	KS_ID_##name = (id),
#define KS_EVENT_PLAIN(name, id, profile, doc)	KS_ID_##name = (id),
enum ks_event_id {
#include "all.def"
};
#include "undef.h"

#endif /* KS_EVENTS_H */
