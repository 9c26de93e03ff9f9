/* SPDX-License-Identifier: GPL-2.0-only */
/* What an event is about, as far as rules may ask for it. */
#ifndef KS_ABOUT_H
#define KS_ABOUT_H

#include <linux/types.h>

struct path;

struct ks_about {
	const struct path *path;	/* NULL: of no file, or not known */
	const u8 *address;		/* as KSONDE_MATCH_NETWORK has it; NULL: none */
	u16 family;			/* of address; neither AF_INET nor AF_INET6: it is none */
	bool nobody;			/* no task of this host acts */
};

#endif /* KS_ABOUT_H */
