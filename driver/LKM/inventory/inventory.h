/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who has asked this kernel to be called, and where.  A kind of callbacks is
 * noted down first, under the lock that the kernel itself takes for it; names
 * and owners are looked up when that is released.
 */
#ifndef KS_INVENTORY_H
#define KS_INVENTORY_H

#include "../engine/owner.h"
#include "../integrity/probed.h"

struct ks_text;
struct ks_scan;

/* Entries of one kind; more are counted only. */
#define KS_INVENTORY_MAX	4096
/* Callbacks of nobody, of one kind; of more, some are owned by unknown. */
#define KS_INVENTORY_SUSPECTS	64
/* Places that are named of an entry. */
#define KS_INVENTORY_PLACES	4

struct ks_inventory_entry {
	char name[64];			/* of a chain, a point, a program; "": none */
	char detail[96];		/* state */
	unsigned long at[KS_INVENTORY_PLACES];	/* code that it is attached to; 0: none */
	unsigned long function;		/* that is called; 0: none */
	bool bpf;			/* function is code that BPF has made */
};

struct ks_inventory {
	struct ks_inventory_entry *entries;
	struct ks_inventory_entry spare;	/* what there is no room for */
	u32 count;
	u32 lost;
	bool blind;		/* it could not be looked at, or not all of it: */
	char why[256];
	/* Functions that nobody owned at a first look. */
	unsigned long suspects[KS_INVENTORY_SUSPECTS];
	u32 suspect_count;
	struct ks_probed probed;
	struct ks_owner owner;
};

/* One more, empty but for function.  Never NULL. */
struct ks_inventory_entry *ks_inventory_add(struct ks_inventory *inventory,
					    unsigned long function);
/* Address of data of the kernel; 0, and noted: there is none, or it is smaller.  May sleep. */
unsigned long ks_inventory_symbol(struct ks_inventory *inventory, const char *name, size_t size);
/*
 * How many pointers are in an array of a power of two of them, which has a
 * symbol: KASAN's red zone behind it, a quarter of it, is not in the answer.
 */
size_t ks_inventory_pointers(struct ks_inventory *inventory, const void *array);
/* What was not looked at; blind: what should have been. */
__printf(3, 4) void ks_inventory_note(struct ks_inventory *inventory, bool blind,
				      const char *format, ...);

/* The kinds; all may sleep. */
void ks_inventory_kprobes(struct ks_inventory *inventory);
void ks_inventory_ftrace(struct ks_inventory *inventory);
void ks_inventory_tracepoints(struct ks_inventory *inventory);
void ks_inventory_netfilter(struct ks_inventory *inventory);
void ks_inventory_notifiers(struct ks_inventory *inventory);
void ks_inventory_binfmts(struct ks_inventory *inventory);
void ks_inventory_bpf(struct ks_inventory *inventory);
void ks_inventory_events(struct ks_inventory *inventory);

/* One kind after the other, as JSON; index of the kind.  -ENOENT past the last. */
int ks_inventory_write(struct ks_text *text, bool addresses, u32 part);

#endif /* KS_INVENTORY_H */
