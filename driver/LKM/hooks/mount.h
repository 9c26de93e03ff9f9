/* SPDX-License-Identifier: GPL-2.0-only */
/* What records of mount are about. */
#ifndef KS_HOOKS_MOUNT_H
#define KS_HOOKS_MOUNT_H

/* Field kind. */
enum {
	KS_MOUNT = 1,
	KS_MOUNT_MOVED = 2,
	KS_MOUNT_MADE = 3,
	KS_MOUNT_OPTION = 4,
	KS_MOUNT_CHANGED = 5,
	KS_MOUNT_COPIED = 6,
};

#endif /* KS_HOOKS_MOUNT_H */
