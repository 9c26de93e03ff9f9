/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's code as it is now, for who compares it with what it should be. */
#ifndef KS_CODE_H
#define KS_CODE_H

#include <linux/types.h>

struct ks_text;

/*
 * All may sleep; one caller at a time.
 * Where the code and the kernel's tables of its places are, as JSON.
 */
int ks_code_layout(struct ks_text *text);
/* What is known of an address, as JSON. */
int ks_code_place(struct ks_text *text, unsigned long address);
/* Bytes from address to the end of the kernel's text, or that of a module; 0: there is no text. */
u32 ks_code_left(u64 address);
/* false: it is no code, or not any more. */
bool ks_code_read(void *to, u64 address, u32 size);

/* Of the names that LAYOUT has, whoever asks at the same time; 0: it is not there. */
unsigned long ks_code_symbol(const char *name);

#endif /* KS_CODE_H */
