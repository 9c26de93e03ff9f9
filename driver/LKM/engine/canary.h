/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A canary is a probe of a mechanism on a function of our own: if it does not
 * sing when that is called, the mechanism is dead, whatever its tables say.
 */
#ifndef KS_CANARY_H
#define KS_CANARY_H

#include <linux/types.h>

struct ks_mechanism;

/*
 * Have that of a mechanism sing; false: it did not.  True for a mechanism that
 * has none, or whose canary this kernel refuses.  The first time it is armed,
 * and stays so until it is detached.  All three under the engine's mutex.
 */
bool ks_canary_sings(const struct ks_mechanism *mechanism);
void ks_canary_detach(void);
/* When no handler of theirs runs any more. */
void ks_canary_free(void);

void ks_canary_ftrace(void);
void ks_canary_kprobe(void);
int ks_canary_kretprobe(void);
int ks_canary_fexit(void);

#endif /* KS_CANARY_H */
