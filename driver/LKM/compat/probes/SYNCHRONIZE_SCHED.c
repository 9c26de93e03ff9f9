// SPDX-License-Identifier: GPL-2.0-only
/*
 * Until v5.1; since v4.20, 45975c7d21a1 ("rcu: Define RCU-sched API in terms of
 * RCU for Tree RCU PREEMPT builds"), it is synchronize_rcu().
 */
#include <linux/rcupdate.h>

static void __maybe_unused probe(void)
{
	synchronize_sched();
}
