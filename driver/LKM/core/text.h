/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON, written into a buffer; what does not fit is counted. */
#ifndef KS_TEXT_H
#define KS_TEXT_H

#include <linux/kernel.h>
#include <linux/types.h>

struct ks_text {
	char *buffer;
	size_t size;
	size_t length;		/* of all, also of what did not fit */
};

__printf(2, 3) void ks_text_add(struct ks_text *text, const char *format, ...);
/* A string in quotation marks; what JSON cannot have in one, and what is not ASCII, is escaped. */
void ks_text_string(struct ks_text *text, const char *string);

#endif /* KS_TEXT_H */
