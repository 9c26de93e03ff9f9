/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/posix_acl.h>
 * CONFIG_FS_POSIX_ACL may be off.
 */
#ifndef KS_COMPAT_POSIX_ACL_H
#define KS_COMPAT_POSIX_ACL_H

#include <linux/fs.h>
#include <linux/posix_acl.h>

/* Whether a directory is known to have a default ACL. */
static inline bool ks_default_acl_is_known(const struct inode *dir)
{
#ifdef CONFIG_FS_POSIX_ACL
	struct posix_acl *acl = READ_ONCE(dir->i_default_acl);

	return acl && !is_uncached_acl(acl);
#else
	return false;
#endif
}

#endif /* KS_COMPAT_POSIX_ACL_H */
