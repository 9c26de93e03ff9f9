/* SPDX-License-Identifier: GPL-2.0-only */
/* Event link has a hook for each kind. */
#ifndef KS_HOOKS_LINK_H
#define KS_HOOKS_LINK_H

/* Field kind. */
enum {
	KS_LINK_HARD = 1,
	KS_LINK_SYMBOLIC = 2,
};

#endif /* KS_HOOKS_LINK_H */
