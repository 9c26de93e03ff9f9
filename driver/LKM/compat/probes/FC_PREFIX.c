// SPDX-License-Identifier: GPL-2.0-only
/* v5.6, cc3c0b533ab9 ("add prefix to fs_context->log"). */
#include <linux/fs_context.h>

static struct fc_log * __maybe_unused probe(const struct fs_context *fc)
{
	return fc->log.log;
}
