/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table that process.c keeps.  All but create, destroy and unfollow are
 * for probes.
 */
#ifndef KS_CACHE_H
#define KS_CACHE_H

#include <linux/atomic.h>
#include <linux/types.h>

/* Multiple of the word size: executables are copied by words. */
#define KS_EXE_MAX	280

enum {
	ENTRY_NO_EXE = 1,	/* a kernel thread's: there is none */
	ENTRY_EXE_LONG = 2,	/* not kept: too long, or not to be had at the time */
};

struct ks_entry_head {
	u64 start_time;
	u32 trees;
	u32 died;		/* 0: alive; else when, by the bucket's clock */
	u16 exe_length;
	u16 flags;
};

struct ks_entry {
	struct ks_entry_head head;
	char exe[KS_EXE_MAX];
};

int ks_cache_create(void);
void ks_cache_destroy(void);
u64 ks_cache_bytes(void);

struct ks_known {
	u32 trees;
	u16 flags;
};

/*
 * What is known of a process; copies its executable to exe, which has room
 * for KS_EXE_MAX bytes.  Its length, or -1: not known.  exe and known may be NULL.
 */
int ks_cache_read(u32 tgid, u64 start_time, char *exe, struct ks_known *known);
/* What is known from now on of a process; keep_trees: but the trees it is in. */
void ks_cache_set(u32 tgid, struct ks_entry *entry, bool keep_trees);
/* The same unless something is known or the process, by its count of threads, is dead. */
void ks_cache_add(u32 tgid, const struct ks_entry *entry, const atomic_t *live);
/*
 * Marks a process dead, adding it when unknown: true for the first who does.
 * The entry stays until its place is needed.
 */
bool ks_cache_end(u32 tgid, const struct ks_entry *entry);
/* false: not known. */
bool ks_cache_follow(u32 tgid, u32 session);
void ks_cache_unfollow(u32 session);

#endif /* KS_CACHE_H */
