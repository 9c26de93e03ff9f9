// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's text against its baseline.  What differs must do so at every
 * look within a second, and be no place of a kprobe.  Places that the kernel
 * patches itself are not in the sums: of jump labels and static calls it is
 * looked where they lead, the function tracer's are looked at by entries.c.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "../compat/entry.h"
#include "../compat/jump_label.h"
#include "../compat/kprobes.h"
#include "../compat/mm.h"
#include "../compat/static_call.h"
#include "../compat/uaccess.h"
#include "baseline.h"
#include "probed.h"
#include "scan.h"

#define CHANGES_SUSPECTS	256
#define CHANGES_AGAIN		20
#define CHANGES_PAUSE_MS	50
/* More that lead nowhere are a kernel with another way to patch itself, and nobody's hooks. */
#define CHANGES_MOST		32
/* Of blocks side by side, that are looked at for where they lead, and are shown. */
#define CHANGES_CODE		64
#define CHANGES_SHOWN		16

enum changes_kind {
	CHANGES_BLOCK,
	CHANGES_JUMP,
	CHANGES_CALL,
};

struct changes_suspect {
	u32 offset;
	enum changes_kind kind;
	unsigned long entry;		/* of a table; 0: a block */
};

struct changes_look {
	struct ks_scan *scan;
	struct ks_baseline *baseline;
	struct ks_probed probed;
	struct ks_owner owner;
	u32 suspected;
	u32 probes;			/* blocks that have some */
	u32 unread;
	u32 unjudged;
	u32 many;			/* that would have been findings, were they not so many */
	bool crowded;
	struct changes_suspect suspects[CHANGES_SUSPECTS];
};

static void changes_suspect(struct changes_look *look, enum changes_kind kind, u32 offset,
			    unsigned long entry)
{
	if (look->suspected == CHANGES_SUSPECTS)
		look->crowded = true;
	else
		look->suspects[look->suspected++] = (struct changes_suspect){ offset, kind, entry };
}

/* The block at offset, which was read to code, is not what it was. */
static bool changes_block_differs(struct changes_look *look, u32 offset, const u8 *code)
{
	u16 *known = &look->baseline->sums[offset / KS_BASELINE_BLOCK];
	u16 sum = ks_baseline_sum(look->baseline, code, offset);

	if (*known == sum)
		return false;
	if (ks_baseline_probed(look->baseline, &look->probed, offset)) {
		look->probes++;
		return false;
	}
	/* There was a kprobe at load: from now on it is known. */
	if (!*known) {
		*known = sum;
		return false;
	}
	if (ks_patched_maybe(&look->baseline->patched, offset, KS_BASELINE_BLOCK)) {
		look->unjudged++;
		return false;
	}
	return true;
}

static void changes_blocks(struct changes_look *look)
{
	u32 total = round_down(look->baseline->patched.size, KS_BASELINE_BLOCK);
	u32 offset, size, at;

	for (offset = 0; offset < total; offset += size) {
		size = min_t(u32, total - offset, KS_BASELINE_PIECE);
		cond_resched();
		if (!ks_baseline_read(look->baseline, offset, size)) {
			look->unread += size;
			continue;
		}
		look->scan->checked += size;
		for (at = 0; at < size; at += KS_BASELINE_BLOCK) {
			if (changes_block_differs(look, offset + at, look->baseline->code + at))
				changes_suspect(look, CHANGES_BLOCK, offset + at, 0);
		}
	}
}

/* Where the instruction at offset leads, if it does; false: nowhere. */
static bool changes_leads(struct changes_look *look, u32 offset, struct ks_leave *leave)
{
	unsigned long at = look->baseline->patched.begin + offset;
	struct ks_leave leaves[KS_LEAVES];
	u8 code[KS_BASELINE_BLOCK];

	if (copy_from_kernel_nofault(code, (void *)at, sizeof(code)) ||
	    !ks_entry(code, sizeof(code), at, leaves) || leaves[0].offset)
		return false;
	*leave = leaves[0];
	return true;
}

/* A jump label that does not lead where it should; *leave is where it does. */
static bool changes_jump_differs(struct changes_look *look, unsigned long entry,
				 struct ks_leave *leave)
{
	unsigned long target;
	u32 offset;

	return ks_patched_jump(&look->baseline->patched, entry, &offset, &target) &&
	       changes_leads(look, offset, leave) &&
	       (leave->kind != KS_LEAVE_JUMP || leave->address != target);
}

/* A static call of what is nobody's. */
static bool changes_call_differs(struct changes_look *look, unsigned long entry,
				 struct ks_leave *leave)
{
	u32 offset;

	return ks_patched_call(&look->baseline->patched, entry, &offset) &&
	       changes_leads(look, offset, leave) &&
	       (leave->kind == KS_LEAVE_THROUGH ||
		ks_probed_owned(&look->probed, &look->owner, leave->address) ==
		KS_OWNED_BY_NOBODY);
}

static void changes_tables(struct changes_look *look)
{
	const struct ks_patched *patched = &look->baseline->patched;
	unsigned long entry, target;
	struct ks_leave leave;
	u32 offset;

	for (entry = patched->jumps; entry < patched->jumps_end; entry += KS_JUMP_ENTRY) {
		if (changes_jump_differs(look, entry, &leave) &&
		    ks_patched_jump(patched, entry, &offset, &target))
			changes_suspect(look, CHANGES_JUMP, offset, entry);
	}
	cond_resched();
	for (entry = patched->calls; entry < patched->calls_end; entry += KS_STATIC_CALL_SITE) {
		if (changes_call_differs(look, entry, &leave) &&
		    ks_patched_call(patched, entry, &offset))
			changes_suspect(look, CHANGES_CALL, offset, entry);
	}
}

static bool changes_still(struct changes_look *look, const struct changes_suspect *suspect,
			  struct ks_leave *leave)
{
	switch (suspect->kind) {
	case CHANGES_JUMP:
		return changes_jump_differs(look, suspect->entry, leave);
	case CHANGES_CALL:
		return changes_call_differs(look, suspect->entry, leave);
	default:
		return ks_baseline_read(look->baseline, suspect->offset, KS_BASELINE_BLOCK) &&
		       changes_block_differs(look, suspect->offset, look->baseline->code);
	}
}

/* Looks at the suspects only: what is patched right now is right a moment later. */
static void changes_confirm(struct changes_look *look)
{
	struct ks_leave leave;
	u32 again, left, i;

	for (again = 0; again < CHANGES_AGAIN && look->suspected; again++) {
		msleep(CHANGES_PAUSE_MS);
		for (left = 0, i = 0; i < look->suspected; i++) {
			if (changes_still(look, &look->suspects[i], &leave))
				look->suspects[left++] = look->suspects[i];
		}
		look->suspected = left;
	}
}

/*
 * What in changed blocks leads to code that is not the kernel's, but
 * somebody's; 0: nothing.  *offset is moved there.
 */
static unsigned long changes_search(struct changes_look *look, u32 *offset, u32 size)
{
	unsigned long begin = look->baseline->patched.begin + *offset;
	u8 code[CHANGES_CODE + KS_BASELINE_BLOCK];
	struct ks_leave leaves[KS_LEAVES];
	u32 at;

	size = min_t(u32, size, CHANGES_CODE);
	if (copy_from_kernel_nofault(code, (void *)begin, size + KS_BASELINE_BLOCK))
		return 0;
	for (at = 0; at < size; at += KS_KPROBE_ALIGN) {
		if (!ks_entry(code + at, KS_BASELINE_BLOCK, begin + at, leaves) ||
		    leaves[0].offset || leaves[0].kind == KS_LEAVE_THROUGH ||
		    ks_owner_is_image(leaves[0].address))
			continue;
		ks_owner_find(&look->owner, leaves[0].address);
		if (!*look->owner.symbol)
			continue;
		*offset += at;
		return leaves[0].address;
	}
	return 0;
}

static void changes_tell(struct changes_look *look, u32 offset, const char *what,
			 unsigned long place)
{
	unsigned long at = look->baseline->patched.begin + offset;
	char words[160];
	u8 code[CHANGES_SHOWN];
	int used = strscpy(words, what, sizeof(words));

	/* They tell how far it is to somewhere. */
	if (look->scan->addresses && used >= 0 &&
	    !copy_from_kernel_nofault(code, (void *)at, sizeof(code)))
		snprintf(words + used, sizeof(words) - used, ": now %*ph", (int)sizeof(code), code);
	ks_owner_find(&look->owner, at);
	ks_scan_finding(look->scan, KS_FINDING_CODE, words, place, "%s+0x%lx",
			look->owner.symbol, look->owner.offset);
}

/* How many of the suspects are blocks side by side, from the first on. */
static u32 changes_together(const struct changes_look *look, u32 first)
{
	const struct changes_suspect *suspects = look->suspects;
	u32 i = first + 1;

	while (i < look->suspected && suspects[first].kind == CHANGES_BLOCK &&
	       suspects[i].kind == CHANGES_BLOCK &&
	       suspects[i].offset == suspects[i - 1].offset + KS_BASELINE_BLOCK)
		i++;
	return i - first;
}

static void changes_find(struct changes_look *look)
{
	bool few = look->suspected <= CHANGES_MOST && !look->crowded;
	struct changes_suspect *suspect;
	struct ks_leave leave;
	unsigned long place;
	u32 i, together, offset;

	for (i = 0; i < look->suspected; i += together) {
		suspect = &look->suspects[i];
		together = changes_together(look, i);
		if (suspect->kind != CHANGES_BLOCK) {
			if (changes_still(look, suspect, &leave))
				changes_tell(look, suspect->offset,
					     suspect->kind == CHANGES_JUMP ?
					     "a jump label leads elsewhere than to its target" :
					     "a static call leads to what nobody owns",
					     leave.address);
			continue;
		}
		offset = suspect->offset;
		place = changes_search(look, &offset, together * KS_BASELINE_BLOCK);
		if (place)
			changes_tell(look, offset, "the code was changed since ksonde was loaded",
				     place);
		else if (few)
			changes_tell(look, offset,
				     "the code was changed since ksonde was loaded, here or up to 15 bytes behind",
				     0);
		else
			look->many += together;
	}
}

static bool changes_rest(void)
{
	cond_resched();
	return true;
}

/* A kernel that was started with one CPU has no locked instructions until the second comes. */
static bool changes_are_of_locks(struct changes_look *look)
{
	if (!look->baseline->single || num_online_cpus() == 1)
		return false;
	ks_baseline_take(look->baseline, &look->probed, changes_rest);
	look->baseline->single = false;
	return true;
}

static void changes_say(struct changes_look *look, bool taken_anew)
{
	struct ks_scan *scan = look->scan;
	int used;

	used = scnprintf(scan->said, sizeof(scan->said),
			 "compared with a baseline taken at load, not with the image: what was changed before is not seen");
	if (taken_anew)
		used += scnprintf(scan->said + used, sizeof(scan->said) - used,
				  "; taken anew, as a second CPU has come");
	if (look->probes)
		used += scnprintf(scan->said + used, sizeof(scan->said) - used,
				  "; not compared where kprobes are: %u places", look->probes);
	if (look->unread)
		used += scnprintf(scan->said + used, sizeof(scan->said) - used,
				  "; %u bytes could not be read", look->unread);
	if (look->unjudged + look->many)
		used += scnprintf(scan->said + used, sizeof(scan->said) - used,
				  "; changed, but not judged: %u places",
				  look->unjudged + look->many);
	if (look->crowded)
		scnprintf(scan->said + used, sizeof(scan->said) - used,
			  "; more than %u places were changed", CHANGES_SUSPECTS);
	scan->why = scan->said;
}

void ks_scan_baseline(struct ks_scan *scan)
{
	struct changes_look *look;
	bool taken_anew;
	u32 probes, unjudged;

	look = kvzalloc(sizeof(*look), GFP_KERNEL);
	if (!look) {
		scan->why = "no memory";
		return;
	}
	look->scan = scan;
	look->baseline = ks_baseline_get(&scan->why);
	if (!look->baseline)
		goto out_free;
	ks_probed_init(&look->probed);
	taken_anew = changes_are_of_locks(look);
	changes_blocks(look);
	changes_tables(look);
	/* What is looked at again is not counted again. */
	probes = look->probes;
	unjudged = look->unjudged;
	changes_confirm(look);
	look->probes = probes;
	look->unjudged = unjudged;
	changes_find(look);
	changes_say(look, taken_anew);
out_free:
	kvfree(look);
}
