/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a task was seen to ask for in the middle of a system call, kept until
 * the call's result is known: there the kernel's own copy of what the program
 * gave is within reach, at the end only the program's memory is.
 */
#ifndef KS_HOOKS_NOTE_H
#define KS_HOOKS_NOTE_H

#include <linux/types.h>
#include "../engine/hook.h"

/* A task has one of each kind at a time. */
enum ks_note_kind {
	KS_NOTE_BPF = 1,
	KS_NOTE_IO_URING,
	KS_NOTE_PERF,
};

#define KS_NOTE_BYTES	80

/* Keeps size bytes for the current task; no room is counted as missed. */
void ks_note_put(struct ks_hook *hook, enum ks_note_kind kind, const void *data, size_t size);
/* Takes what the current task has of the kind; false: nothing, data is as it was. */
bool ks_note_take(enum ks_note_kind kind, void *data, size_t size);
/* A call begins: what is left of an earlier one is not about it. */
void ks_note_drop(enum ks_note_kind kind);

#endif /* KS_HOOKS_NOTE_H */
