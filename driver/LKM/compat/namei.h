/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fs/namei.c, private to it: struct nameidata begins with the path that the
 * walk has come to, in every kernel since v2.6.39.  (It may be shuffled by
 * CONFIG_RANDSTRUCT, which no build outside of the kernel's own tree shares.)
 *
 * fs/internal.h: struct open_flags is this since v3.10.  Of what openat2(2) may
 * ask for since v5.6 (fddb5d430ad9, "open: introduce openat2(2) syscall") the
 * walk has its own flags; RESOLVE_CACHED since v5.12 (99668f618062).
 */
#ifndef KS_COMPAT_NAMEI_H
#define KS_COMPAT_NAMEI_H

#include <linux/fcntl.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/sched.h>

/* Where the path walk of the current task is; NULL: there is none. */
static inline const struct path *ks_walk_path(void)
{
	return (const struct path *)current->nameidata;
}

struct ks_open_flags {
	int open_flag;
	umode_t mode;
	int acc_mode;
	int intent;
	int lookup_flags;
};

#ifdef LOOKUP_BENEATH
#ifndef LOOKUP_CACHED
#define LOOKUP_CACHED	0
#endif
#define KS_LOOKUP_ASKED \
	(LOOKUP_NO_XDEV | LOOKUP_NO_MAGICLINKS | LOOKUP_NO_SYMLINKS | LOOKUP_BENEATH | \
	 LOOKUP_IN_ROOT | LOOKUP_CACHED)
#endif

/* As openat2(2) was asked. */
static inline u32 ks_open_resolve(const struct ks_open_flags *flags)
{
	u32 resolve = 0;

#ifdef LOOKUP_BENEATH
	if (likely(!(flags->lookup_flags & KS_LOOKUP_ASKED)))
		return 0;
	if (flags->lookup_flags & LOOKUP_NO_XDEV)
		resolve |= 0x01;
	if (flags->lookup_flags & LOOKUP_NO_MAGICLINKS)
		resolve |= 0x02;
	if (flags->lookup_flags & LOOKUP_NO_SYMLINKS)
		resolve |= 0x04;
	if (flags->lookup_flags & LOOKUP_BENEATH)
		resolve |= 0x08;
	if (flags->lookup_flags & LOOKUP_IN_ROOT)
		resolve |= 0x10;
	if (flags->lookup_flags & LOOKUP_CACHED)
		resolve |= 0x20;
#endif
	return resolve;
}

#endif /* KS_COMPAT_NAMEI_H */
