// SPDX-License-Identifier: GPL-2.0-only
/*
 * The baseline: a sum of every 16 bytes of the kernel's text, taken once after
 * load by a worker that sleeps now and then.  What the kernel patches itself is
 * left out.  The sums have random keys: whatever a change of a block is, one in
 * 65536 keys does not show it, as long as they are not known.  Who can read
 * them can change the sums as well.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "../compat/kprobes.h"
#include "../compat/mm.h"
#include "../compat/uaccess.h"
#include "../compat/workqueue.h"
#include "../engine/hook.h"
#include "baseline.h"
#include "probed.h"

/* Of text, between two rests of the worker. */
#define BASELINE_CHUNK		65536
#define BASELINE_REST_MS	2
/* It is taken until twice the same comes out: what is being patched settles. */
#define BASELINE_TIMES		8
#define BASELINE_PAUSE_MS	100

static bool baseline = true;
module_param(baseline, bool, 0444);
MODULE_PARM_DESC(baseline, "after load, take sums of the kernel's code: scans tell what is changed later");

static struct ks_baseline *baseline_taken;
static const char *baseline_why = "this module was loaded to take none";
static bool baseline_stop;	/* the module goes */
static bool baseline_hurry;	/* somebody waits */
static DECLARE_COMPLETION(baseline_done);

u16 ks_baseline_sum(const struct ks_baseline *of, const u8 *code, u32 offset)
{
	u64 sum = of->keys[0] + of->keys[1] * offset;
	u32 word, i;

	/* Multilinear hashing: the upper half of such sums is strongly universal. */
	for (i = 0; i < KS_BASELINE_BLOCK / sizeof(word); i++) {
		memcpy(&word, code + i * sizeof(word), sizeof(word));
		sum += of->keys[2 + i] * word;
	}
	return sum >> 48 ?: 1;
}

bool ks_baseline_read(struct ks_baseline *of, u32 offset, u32 size)
{
	if (copy_from_kernel_nofault(of->code, (void *)(of->patched.begin + offset), size))
		return false;
	ks_patched_mask(&of->patched, of->code, offset, size);
	return true;
}

bool ks_baseline_probed(const struct ks_baseline *of, const struct ks_probed *probed, u32 offset)
{
	unsigned long block = of->patched.begin + offset, at;

	/* It may begin before the block. */
	for (at = block - KS_KPROBE_BYTES + 1; at < block + KS_BASELINE_BLOCK; at++) {
		if (IS_ALIGNED(at, KS_KPROBE_ALIGN) && ks_probed_at(probed, at))
			return true;
	}
	return false;
}

/* Sets the sums of blocks to 0 that a kprobe of the piece has changed. */
static void baseline_drop_probed(struct ks_baseline *of, const struct ks_probed *probed,
				 u32 offset, u32 size, u16 *sums)
{
	unsigned long begin = of->patched.begin + offset;
	u32 at, last;

	for (at = 0; at + 1 < size; at += KS_KPROBE_ALIGN) {
		if (!ks_kprobe_maybe(of->code + at) || !ks_probed_at(probed, begin + at))
			continue;
		last = min_t(u32, at + KS_KPROBE_BYTES, size) - 1;
		sums[at / KS_BASELINE_BLOCK] = 0;
		sums[last / KS_BASELINE_BLOCK] = 0;
	}
	/* One that begins in the piece before. */
	if (offset && ks_baseline_probed(of, probed, offset))
		sums[0] = 0;
}

/* false: it is not what it was. */
static bool baseline_take_piece(struct ks_baseline *of, const struct ks_probed *probed, u32 offset)
{
	u32 size = min_t(u32, of->patched.size - offset, KS_BASELINE_PIECE);
	u16 sums[KS_BASELINE_PIECE / KS_BASELINE_BLOCK] = { };
	u16 *known = of->sums + offset / KS_BASELINE_BLOCK;
	u32 blocks = size / KS_BASELINE_BLOCK, i;
	bool same;

	if (ks_baseline_read(of, offset, size)) {
		for (i = 0; i < blocks; i++)
			sums[i] = ks_baseline_sum(of, of->code + i * KS_BASELINE_BLOCK,
						  offset + i * KS_BASELINE_BLOCK);
		baseline_drop_probed(of, probed, offset, blocks * KS_BASELINE_BLOCK, sums);
	}
	same = !memcmp(known, sums, blocks * sizeof(*sums));
	memcpy(known, sums, blocks * sizeof(*sums));
	return same;
}

bool ks_baseline_take(struct ks_baseline *of, const struct ks_probed *probed, bool (*rest)(void))
{
	bool same = true;
	u32 offset;

	for (offset = 0; offset < of->patched.size; offset += KS_BASELINE_PIECE) {
		same &= baseline_take_piece(of, probed, offset);
		if (!(offset % BASELINE_CHUNK) && !rest())
			return false;
	}
	return same;
}

/* false: it is not wanted any more. */
static bool baseline_rest(void)
{
	if (READ_ONCE(baseline_hurry))
		cond_resched();
	else
		msleep(BASELINE_REST_MS);
	return !READ_ONCE(baseline_stop);
}

static void baseline_free(struct ks_baseline *of)
{
	if (!of)
		return;
	ks_patched_free(&of->patched);
	kvfree(of->sums);
	kvfree(of);
}

static struct ks_baseline *baseline_make(void)
{
	struct ks_baseline *of = kvzalloc(sizeof(*of), GFP_KERNEL);
	struct ks_probed probed;
	unsigned int times;

	baseline_why = "no memory";
	if (!of)
		return NULL;
	if (!ks_patched_find(&of->patched, &baseline_stop, &baseline_why))
		goto err;
	of->sums = kvcalloc(of->patched.size / KS_BASELINE_BLOCK, sizeof(*of->sums), GFP_KERNEL);
	if (!of->sums)
		goto err;
	get_random_bytes(of->keys, sizeof(of->keys));
	ks_probed_init(&probed);
	of->single = num_online_cpus() == 1;
	for (times = 0; times < BASELINE_TIMES; times++) {
		if (ks_baseline_take(of, &probed, baseline_rest))
			return of;
		if (READ_ONCE(baseline_stop))
			break;
		msleep(BASELINE_PAUSE_MS);
	}
	baseline_why = "the kernel's code was never twice the same";
err:
	baseline_free(of);
	return NULL;
}

static void baseline_work(struct work_struct *work)
{
	baseline_taken = baseline_make();
	complete_all(&baseline_done);
}

static DECLARE_WORK(baseline_worker, baseline_work);

struct ks_baseline *ks_baseline_get(const char **why)
{
	WRITE_ONCE(baseline_hurry, true);
	if (wait_for_completion_killable(&baseline_done)) {
		*why = "it was not waited for";
		return NULL;
	}
	*why = baseline_why;
	return baseline_taken;
}

void ks_baseline_begin(void)
{
	/* Who loads it so wants as little as can be to be run. */
	if (baseline && ks_engine_observes())
		queue_work(ks_unbound_wq, &baseline_worker);
	else
		complete_all(&baseline_done);
}

void ks_baseline_end(void)
{
	WRITE_ONCE(baseline_stop, true);
	cancel_work_sync(&baseline_worker);
	baseline_free(baseline_taken);
}
