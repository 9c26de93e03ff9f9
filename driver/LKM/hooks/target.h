/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The process that a call is about, found when the call begins: when it
 * returns, that process may be gone.
 */
#ifndef KS_HOOKS_TARGET_H
#define KS_HOOKS_TARGET_H

#include <linux/types.h>
#include "../context/context.h"

struct ks_target {
	struct ks_identity process;
	bool known;
};

/* pid as the caller numbers it; groups of processes have no identity. */
static inline void ks_target_find(struct ks_target *target, int pid)
{
	target->known = pid > 0 && ks_process_by_pid(pid, &target->process);
}

/* false: both are absent. */
static inline bool ks_target_put(const struct ks_target *target, u32 *tgid, u64 *start_time)
{
	if (!target->known)
		return false;
	*tgid = target->process.tgid;
	*start_time = target->process.start_time;
	return true;
}

#endif /* KS_HOOKS_TARGET_H */
