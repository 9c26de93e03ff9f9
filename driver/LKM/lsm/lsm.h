/* SPDX-License-Identifier: GPL-2.0-only */
/* Who sits in the kernel's LSM hooks. */
#ifndef KS_LSM_H
#define KS_LSM_H

#include <linux/types.h>
#include "../engine/owner.h"

struct ks_text;

/* A place in the kernel's code that belongs to an LSM hook. */
struct ks_lsm_ref {
	unsigned long from;	/* the function, or the call's own address */
	unsigned long place;	/* what it refers to: a list's head, maybe, or a call's key */
	unsigned long target;	/* a call: what it calls; 0: nothing */
	int hook;		/* index of ks_lsm_names; -1: not known (yet) */
	unsigned int slot;
};

/* What was found out by reading code. */
struct ks_lsm_code {
	struct ks_lsm_ref *refs;
	u32 count;
	u32 room;
	u32 functions;		/* that were read; or calls */
	u32 partly;		/* of those, how many were not understood whole */
	unsigned long table;	/* where the lists are, as the code has it; 0: not found out */
	const char *why;	/* nothing was found out; NULL: it was */
	struct ks_owner owner;
};

/* Reads the code of all functions security_*, or of all static calls.  May sleep. */
void ks_lsm_code_read(struct ks_lsm_code *code);
void ks_lsm_code_free(struct ks_lsm_code *code);

/* Index of a hook in ks_lsm_names, -1 when there is none. */
int ks_lsm_hook(const char *name, size_t length);

/* The whole, as JSON.  May sleep. */
int ks_lsm_write(struct ks_text *text, bool addresses);

#endif /* KS_LSM_H */
