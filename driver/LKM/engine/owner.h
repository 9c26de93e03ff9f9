/* SPDX-License-Identifier: GPL-2.0-only */
/* Who owns an address: its symbol, its module, or the kernel. */
#ifndef KS_OWNER_H
#define KS_OWNER_H

#include <linux/kallsyms.h>
#include <linux/module.h>
#include <linux/types.h>

struct ks_text;

/* Large: not for the stack. */
struct ks_owner {
	char text[KSYM_SYMBOL_LEN];
	const char *symbol;	/* in text; "": none */
	const char *module;	/* likewise, or "bpf"; "": the kernel itself, or nobody */
	unsigned long offset;	/* behind the symbol */
	unsigned long size;	/* of what the symbol names */
	bool kernel;		/* in the text of the kernel itself */
};

/* May sleep, the first time. */
void ks_owner_find(struct ks_owner *owner, unsigned long address);
/* In the text of the kernel itself, as it was linked.  May sleep, the first time. */
bool ks_owner_is_kernel(unsigned long address);
/* Likewise, with its data. */
bool ks_owner_is_image(unsigned long address);
/* As an object of JSON; the address itself only when it may be shown. */
void ks_owner_write(struct ks_text *text, struct ks_owner *owner, unsigned long address,
		    bool addresses);

#endif /* KS_OWNER_H */
