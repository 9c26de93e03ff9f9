// SPDX-License-Identifier: GPL-2.0-only
/*
 * core/schema.c on the host.
 *
 *	schema_test text	what the driver serves
 *	schema_test layout	what the compiler made: a line "event field offset size" each
 *	schema_test short	the text into buffers that are too short
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../driver/LKM/core/schema.h"

void shim_interrupt(void)
{
}

static void print_layout(void)
{
#define LAYOUT(f)	printf("%s %s %zu %zu\n", row, #f, offsetof(layout, f), \
			       sizeof(((layout *)0)->f));
#define KS_EVENT(name, id, profile, doc) \
	{ \
		typedef struct ks_event_##name layout; \
		static const char row[] = #name; \
		printf("%s . %d %zu\n", row, id, sizeof(layout));
#define KS_EVENT_PLAIN(name, id, profile, doc)	KS_EVENT(name, id, profile, doc)
#define KS_END(name)			}
#define KS_U16(f, format, doc)		LAYOUT(f)
#define KS_U32(f, format, doc)		LAYOUT(f)
#define KS_U64(f, format, doc)		LAYOUT(f)
#define KS_S32(f, format, doc)		LAYOUT(f)
#define KS_S64(f, format, doc)		LAYOUT(f)
#define KS_CHARS(f, n, format, doc)	LAYOUT(f)
#define KS_BYTES(f, n, format, doc)	LAYOUT(f)
#define KS_STR(f, format, doc)		LAYOUT(f)
#define KS_VEC(f, format, doc)		LAYOUT(f)
#define KS_LIST(f, of, format, doc)	LAYOUT(f)
#include "../../driver/LKM/events/all.def"
	{
		typedef struct {
			struct ksonde_header h;
			struct ks_context c;
		} whole;

#undef LAYOUT
#define LAYOUT(f)	printf("context %s %zu %zu\n", #f, offsetof(whole, c.f), \
			       sizeof(((whole *)0)->c.f));
#include "../../driver/LKM/events/context.def"
#undef LAYOUT
#define LAYOUT(f)	printf("header %s %zu %zu\n", #f, \
			       offsetof(struct ksonde_header, f), \
			       sizeof(((struct ksonde_header *)0)->f));
		LAYOUT(length)
		LAYOUT(event)
		LAYOUT(flags)
		LAYOUT(cpu)
		LAYOUT(hook)
		LAYOUT(seq)
		LAYOUT(time)
		LAYOUT(absent)
#undef LAYOUT
#define LAYOUT(f)	printf("ancestor %s %zu %zu\n", #f, \
			       offsetof(struct ksonde_ancestor, f), \
			       sizeof(((struct ksonde_ancestor *)0)->f));
		LAYOUT(start_time)
		LAYOUT(tgid)
		LAYOUT(reserved)
		LAYOUT(comm)
	}
#include "../../driver/LKM/events/undef.h"
}

static void write_short(const char *whole, size_t length)
{
	for (size_t size = 0; size <= length + 1; size += size < 64 || size + 64 > length ? 1 : 61) {
		char *buffer = malloc(size ? size : 1);
		size_t keep = size <= length ? (size ? size - 1 : 0) : length;

		if (ks_schema_write(buffer, size) != length ||
		    memcmp(buffer, whole, keep)) {
			fprintf(stderr, "wrong at size %zu\n", size);
			abort();
		}
		free(buffer);
	}
}

int main(int argc, char **argv)
{
	size_t length = ks_schema_write(NULL, 0);
	char *text = malloc(length + 1);

	if (argc != 2 || !length || ks_schema_write(text, length + 1) != length)
		return 1;
	if (!strcmp(argv[1], "text"))
		fwrite(text, 1, length, stdout);
	else if (!strcmp(argv[1], "layout"))
		print_layout();
	else if (!strcmp(argv[1], "short"))
		write_short(text, length);
	else
		return 2;
	free(text);
	return 0;
}
