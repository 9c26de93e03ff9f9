/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/fs_context.h>, from v5.2 on
 * v5.6, cc3c0b533ab9 ("add prefix to fs_context->log").
 */
#ifndef KS_COMPAT_FS_CONTEXT_H
#define KS_COMPAT_FS_CONTEXT_H

#include <linux/fs_context.h>

/* It was made by fsopen(2) or fspick(2): who reads a log is a program, not mount(2). */
static inline bool ks_fc_is_programs(const struct fs_context *fc)
{
#ifdef KS_HAVE_FC_PREFIX
	return fc->log.log;
#else
	return fc->log;
#endif
}

#endif /* KS_COMPAT_FS_CONTEXT_H */
