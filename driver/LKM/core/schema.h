/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver describes itself: the rows of events/ as a JSON text.
 */
#ifndef KS_SCHEMA_H
#define KS_SCHEMA_H

#include <linux/types.h>
#include "../events/events.h"

/* Ids by enum ks_event_index. */
extern const u16 ks_event_ids[KS_EVENTS];

/*
 * Writes the text to buffer, at most size bytes (more are counted, not
 * written; no NUL), and returns its length; 0 when a row's fields do not add
 * up to its C structure.
 */
size_t ks_schema_write(char *buffer, size_t size);

#endif /* KS_SCHEMA_H */
