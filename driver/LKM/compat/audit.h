/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/audit.h>
 * v4.18, "audit: convert sessionid unset to a macro".
 */
#ifndef KS_COMPAT_AUDIT_H
#define KS_COMPAT_AUDIT_H

#include <linux/audit.h>

#ifndef AUDIT_SID_UNSET
#define AUDIT_SID_UNSET	((unsigned int)-1)
#endif

#endif /* KS_COMPAT_AUDIT_H */
