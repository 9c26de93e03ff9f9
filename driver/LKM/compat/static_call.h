/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/static_call_types.h>
 * v5.10, 9183c3f9ed71 ("static_call: Add inline static call infrastructure").
 */
#ifndef KS_COMPAT_STATIC_CALL_H
#define KS_COMPAT_STATIC_CALL_H

#include <linux/types.h>
#ifdef CONFIG_HAVE_STATIC_CALL_INLINE
#include <linux/static_call_types.h>
#include "uaccess.h"

/* A call in the kernel's own code that is patched when its key gets another function. */
static inline bool ks_static_call_site(unsigned long at, unsigned long *code, unsigned long *key)
{
	struct static_call_site site;

	if (copy_from_kernel_nofault(&site, (void *)at, sizeof(site)))
		return false;
	*code = at + offsetof(struct static_call_site, addr) + site.addr;
	*key = (at + offsetof(struct static_call_site, key) + site.key) &
	       ~(unsigned long)STATIC_CALL_SITE_FLAGS;
	return true;
}

#define KS_STATIC_CALL_SITE	sizeof(struct static_call_site)
#else
static inline bool ks_static_call_site(unsigned long at, unsigned long *code, unsigned long *key)
{
	return false;
}

#define KS_STATIC_CALL_SITE	0
#endif

#endif /* KS_COMPAT_STATIC_CALL_H */
