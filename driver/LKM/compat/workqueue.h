/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/workqueue.h>: the system's workers of no certain CPU.  v6.17,
 * 128ea9f6ccfb ("workqueue: Add system_percpu_wq and system_dfl_wq"), which not
 * all headers of that version have; the old one is warned of since v7.2,
 * 64d8eae3f895 ("workqueue: Add warnings and fallback if system_{unbound}_wq is
 * used").
 */
#ifndef KS_COMPAT_WORKQUEUE_H
#define KS_COMPAT_WORKQUEUE_H

#include <linux/version.h>
#include <linux/workqueue.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define ks_unbound_wq	system_dfl_wq
#else
#define ks_unbound_wq	system_unbound_wq
#endif

#endif /* KS_COMPAT_WORKQUEUE_H */
