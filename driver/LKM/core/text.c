// SPDX-License-Identifier: GPL-2.0-only
#include <linux/string.h>
#include "../compat/stdarg.h"
#include "text.h"

void ks_text_add(struct ks_text *text, const char *format, ...)
{
	size_t left = text->length < text->size ? text->size - text->length : 0;
	va_list args;

	va_start(args, format);
	text->length += vsnprintf(left ? text->buffer + text->length : NULL, left,
				  format, args);
	va_end(args);
}

void ks_text_string(struct ks_text *text, const char *string)
{
	const char *plain = string;

	ks_text_add(text, "\"");
	for (; *string; string++) {
		if (*string >= ' ' && *string < 0x7f && *string != '"' && *string != '\\')
			continue;
		ks_text_add(text, "%.*s\\u%04x", (int)(string - plain), plain, (u8)*string);
		plain = string + 1;
	}
	ks_text_add(text, "%s\"", plain);
}
