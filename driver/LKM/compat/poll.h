/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/poll.h>
 * v4.16, 8ced390c2b18 ("define __poll_t, annotate constants").
 */
#ifndef KS_COMPAT_POLL_H
#define KS_COMPAT_POLL_H

#include <linux/eventpoll.h>
#include <linux/poll.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(4, 16, 0)
typedef unsigned int __poll_t;
#endif

#endif /* KS_COMPAT_POLL_H */
