// SPDX-License-Identifier: GPL-2.0-only
/*
 * The third use of the rows in events/: their text.  Offsets are computed
 * from the types, as the compiler lays them out, and the sum is compared with
 * the structure's size, so that the text cannot tell what is not so.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include "../compat/align.h"
#include "schema.h"
#include "text.h"

#ifndef KSONDE_VERSION
#error "KSONDE_VERSION comes from the Kbuild"
#endif

struct ks_field {
	const char *name;
	const char *type;
	u16 size;
	u16 align;
	const char *format;
	const char *doc;
};

struct ks_row {
	const char *name;
	u16 id;
	const char *profile;
	bool context;
	u16 size;
	const char *doc;
	const struct ks_field *fields;
};

#define KS_FIELD(f, type, size, align, format, doc) \
	{ #f, type, size, align, format, doc },
#define KS_U16(f, format, doc)		KS_FIELD(f, "u16", 2, 2, format, doc)
#define KS_U32(f, format, doc)		KS_FIELD(f, "u32", 4, 4, format, doc)
#define KS_U64(f, format, doc)		KS_FIELD(f, "u64", 8, 8, format, doc)
#define KS_S32(f, format, doc)		KS_FIELD(f, "s32", 4, 4, format, doc)
#define KS_S64(f, format, doc)		KS_FIELD(f, "s64", 8, 8, format, doc)
#define KS_CHARS(f, n, format, doc)	KS_FIELD(f, "char[" #n "]", n, 1, format, doc)
#define KS_BYTES(f, n, format, doc)	KS_FIELD(f, "u8[" #n "]", n, 1, format, doc)
#define KS_STR(f, format, doc)		KS_FIELD(f, "str", 4, 2, format, doc)
#define KS_VEC(f, format, doc)		KS_FIELD(f, "vec", 4, 2, format, doc)
#define KS_LIST(f, of, format, doc)	KS_FIELD(f, "list:" #of, 4, 2, format, doc)
#define KS_EVENT(name, id, profile, doc) \
	static const struct ks_field ks_fields_##name[] = {
#define KS_EVENT_PLAIN(name, id, profile, doc) KS_EVENT(name, id, profile, doc)
#define KS_END(name)	{} };

static const struct ks_field ks_fields_header[] = {
KS_U32(length, "bytes", "distance to the next record")
KS_U16(event, "event", "id")
KS_U16(flags, "record_flags", "KSONDE_F_*")
KS_U32(cpu, "", "CPU it was recorded on")
KS_U32(hook, "", "number of the hook that recorded it")
KS_U64(seq, "", "per CPU and session; what was lost used its numbers up")
KS_U64(time, "boottime", "when")
KS_U64(absent, "hex", "fields without a value: bit i of the context, 32 + i of the event")
{} };

static const struct ks_field ks_fields_context[] = {
#include "../events/context.def"
{} };

static const struct ks_field ks_fields_ancestor[] = {
KS_U64(start_time, "boottime", "with tgid the identity")
KS_U32(tgid, "", "process id")
KS_U32(reserved, "", "")
KS_CHARS(comm, 16, "", "name, NUL-padded")
{} };

#include "../events/all.def"
#include "../events/undef.h"

#include "../events/nofields.h"
#define KS_EVENT(name, id, profile, doc) \
	{ #name, id, profile, true, sizeof(struct ks_event_##name), doc, ks_fields_##name },
#define KS_EVENT_PLAIN(name, id, profile, doc) \
	{ #name, id, profile, false, sizeof(struct ks_event_##name), doc, ks_fields_##name },
#define KS_END(name)
static const struct ks_row ks_rows[KS_EVENTS] = {
#include "../events/all.def"
};

#undef KS_EVENT
#undef KS_EVENT_PLAIN
#define KS_EVENT(name, id, profile, doc)	[KS_EV_##name] = (id),
#define KS_EVENT_PLAIN(name, id, profile, doc)	[KS_EV_##name] = (id),
const u16 ks_event_ids[KS_EVENTS] = {
#include "../events/all.def"
};

#include "../events/undef.h"

/* Returns the offset behind the last field. */
static size_t schema_fields(struct ks_text *text, const struct ks_field *field, size_t offset)
{
	const char *comma = "";

	ks_text_add(text, "[");
	for (; field->name; field++) {
		offset = ALIGN(offset, (size_t)field->align);
		ks_text_add(text, "%s[\"%s\",\"%s\",%zu,\"%s\",\"%s\"]", comma, field->name,
			    field->type, offset, field->format, field->doc);
		offset += field->size;
		comma = ",";
	}
	ks_text_add(text, "]");
	return offset;
}

static bool schema_event(struct ks_text *text, const struct ks_row *row, const char *comma)
{
	size_t offset = sizeof(struct ksonde_header);

	if (row->context)
		offset += sizeof(struct ks_context);
	ks_text_add(text, "%s\n{\"id\":%u,\"name\":\"%s\",\"profile\":\"%s\",", comma, row->id,
		    row->name, row->profile);
	ks_text_add(text, "\"context\":%s,\"size\":%u,\"doc\":\"%s\",\"fields\":",
		    row->context ? "true" : "false", row->size, row->doc);
	offset = schema_fields(text, row->fields, offset);
	ks_text_add(text, "}");
	return ALIGN(offset, 8) == row->size;
}

size_t ks_schema_write(char *buffer, size_t size)
{
	struct ks_text text = { buffer, size, 0 };
	bool right = true;
	size_t offset;
	unsigned int i;

	ks_text_add(&text, "{\"abi\":%u,\"schema\":%u,\"driver\":\"%s\",\"header_size\":%zu,",
		    KSONDE_ABI, KSONDE_SCHEMA, KSONDE_VERSION, sizeof(struct ksonde_header));
	ks_text_add(&text, "\n\"header\":");
	offset = schema_fields(&text, ks_fields_header, 0);
	right &= offset == sizeof(struct ksonde_header);
	ks_text_add(&text, ",\n\"context\":");
	offset = schema_fields(&text, ks_fields_context, offset);
	right &= ALIGN(offset, 8) == sizeof(struct ksonde_header) + sizeof(struct ks_context);
	ks_text_add(&text, ",\n\"structs\":{\"ancestor\":{\"size\":%zu,\"fields\":",
		    sizeof(struct ksonde_ancestor));
	right &= schema_fields(&text, ks_fields_ancestor, 0) == sizeof(struct ksonde_ancestor);
	ks_text_add(&text, "}},\n\"events\":[");
	for (i = 0; i < KS_EVENTS; i++)
		right &= schema_event(&text, &ks_rows[i], i ? "," : "");
	ks_text_add(&text, "]}\n");
	return right ? text.length : 0;
}
