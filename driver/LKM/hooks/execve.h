/* SPDX-License-Identifier: GPL-2.0-only */
/* What a successful and a failed execve have in common. */
#ifndef KS_EXECVE_H
#define KS_EXECVE_H

#include "../context/context.h"
#include "../core/record.h"

/* Current directory, descriptors and the first socket. */
void ks_execve_surroundings(struct ks_record *record, struct ks_event_execve *e);
/* Variables of the environment, whose values are at these addresses. */
void ks_execve_environment(struct ks_record *record, struct ks_event_execve *e,
			   const unsigned long value[KS_VARIABLES]);

#endif /* KS_EXECVE_H */
