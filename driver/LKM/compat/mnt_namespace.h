/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fs/mount.h, which modules cannot include: struct mnt_namespace begins
 * with its ns_common since
 * v5.11, 1a7b8969e664 ("mnt: Use generic ns_common::count"); before, an
 * atomic_t count came first.
 */
#ifndef KS_COMPAT_MNT_NAMESPACE_H
#define KS_COMPAT_MNT_NAMESPACE_H

#include <linux/mnt_namespace.h>
#include <linux/ns_common.h>
#include <linux/version.h>

struct ks_mnt_namespace {
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
	atomic_t count;
#endif
	struct ns_common ns;
};

static inline u32 ks_mnt_ns_inum(const struct mnt_namespace *ns)
{
	return ((const struct ks_mnt_namespace *)ns)->ns.inum;
}

#endif /* KS_COMPAT_MNT_NAMESPACE_H */
