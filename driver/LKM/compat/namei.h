/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fs/namei.c, private to it: struct nameidata begins with the path that the
 * walk has come to, in every kernel since v2.6.39.  (It may be shuffled by
 * CONFIG_RANDSTRUCT, which no build outside of the kernel's own tree shares.)
 */
#ifndef KS_COMPAT_NAMEI_H
#define KS_COMPAT_NAMEI_H

#include <linux/path.h>
#include <linux/sched.h>

/* Where the path walk of the current task is; NULL: there is none. */
static inline const struct path *ks_walk_path(void)
{
	return (const struct path *)current->nameidata;
}

#endif /* KS_COMPAT_NAMEI_H */
