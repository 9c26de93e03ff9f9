// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function is entered and left, by a trampoline of our own that the function
 * calls with its first instruction (a direct call of ftrace's).  It calls the
 * rest of the function, so the return needs neither an instance nor a changed
 * return address, none is missed, and what is noted at the entry lies on the
 * stack.
 *
 * A call can sleep in there for as long as it likes, and comes back to the
 * trampoline: while calls have not returned the module stays.  They are
 * counted before it is looked whether anybody follows; so once nobody does and
 * each CPU has been through the scheduler all that were seen are in the sum.
 * The few instructions before and behind the counting never sleep, and the
 * module waits for them when it is unloaded.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "../compat/fexit.h"
#include "../compat/kprobes.h"
#include "../compat/rcupdate.h"
#include "fexit.h"
#include "mechanism.h"

/* Times that are waited, of 1 ms and more. */
#define KS_FEXIT_PATIENCE	20

struct ks_fexit {
	struct ks_attachment attachment;
	u64 generation;		/* no other has the same */
	unsigned int slot;
	unsigned long function;
	struct ftrace_ops ops;
};

/* A trampoline; changed under fexit_lock. */
struct ks_fexit_slot {
	const char *target;		/* the last function that it was at */
	bool taken;
	bool holds;			/* a reference to the module */
};

/* For the trampolines. */
DEFINE_PER_CPU(u32 [KS_FEXIT_SLOTS], ks_fexit_calls);
u64 ks_fexit_generations[KS_FEXIT_SLOTS];
u8 ks_fexit_asks[KS_FEXIT_SLOTS];

/* Whom they call; probes read it with preemption off. */
static struct ks_fexit *fexit_users[KS_FEXIT_SLOTS];
static struct ks_fexit_slot fexit_slots[KS_FEXIT_SLOTS];
static DEFINE_MUTEX(fexit_lock);
static bool fexit_used;

static void fexit_look(struct work_struct *work);
static DECLARE_DELAYED_WORK(fexit_work, fexit_look);

static bool fexit_enter(const struct ks_fexit *fx, struct ks_fexit_frame *frame)
{
	struct ks_hook *hook = fx->attachment.hook;
	u64 token = ks_hook_count(hook);
	bool wanted = fx->attachment.point->call.enter(hook, &frame->call, frame->data);

	ks_hook_counted(hook, token);
	return wanted;
}

asmlinkage bool ks_fexit_enter(unsigned int slot, struct ks_fexit_frame *frame)
{
	const struct ks_fexit *fx;
	bool wanted = false;

	preempt_disable_notrace();
	fx = READ_ONCE(fexit_users[slot]);
	if (likely(fx)) {
		wanted = fexit_enter(fx, frame);
		frame->generation = fx->generation;
	}
	preempt_enable_notrace();
	return wanted;
}

NOKPROBE_SYMBOL(ks_fexit_enter);

/* The second half of a hit, or all of it; of one in so many. */
static noinline void fexit_leave_timed(const struct ks_fexit *fx, long ret, void *data)
{
	struct ks_hook *hook = fx->attachment.hook;
	u64 begin = local_clock();

	fx->attachment.point->call.leave(hook, ret, data);
	if (fx->attachment.point->call.enter)
		ks_hook_recounted(hook, begin);
	else
		ks_hook_counted(hook, begin);
}

static __always_inline void fexit_leave(const struct ks_fexit *fx, long ret,
					struct ks_fexit_frame *frame)
{
	const struct ks_point *point = fx->attachment.point;
	struct ks_hook *hook = fx->attachment.hook;
	void *data = &frame->call;
	bool timed;

	if (point->call.enter) {
		data = frame->data;
		timed = ks_hook_was_timed(hook);
	} else {
		timed = ks_hook_is_timed(hook);
	}
	if (likely(!timed))
		point->call.leave(hook, ret, data);
	else
		fexit_leave_timed(fx, ret, data);
}

asmlinkage void ks_fexit_leave(unsigned int slot, struct ks_fexit_frame *frame, long ret)
{
	const struct ks_fexit *fx;

	preempt_disable_notrace();
	fx = READ_ONCE(fexit_users[slot]);
	/* Who followed it may have gone, and another one come. */
	if (likely(fx && fx->generation == frame->generation))
		fexit_leave(fx, ret, frame);
	/* Maybe not where it was counted: only the sum tells. */
	__this_cpu_dec(ks_fexit_calls[slot]);
	preempt_enable_notrace();
}

NOKPROBE_SYMBOL(ks_fexit_leave);

/* Nobody follows, so none is added that stays. */
static u32 fexit_sum(unsigned int slot)
{
	unsigned int cpu;
	u32 sum = 0;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(ks_fexit_calls, cpu)[slot]);
	return sum;
}

/* Gives the module back where the last call has returned. */
static void fexit_look(struct work_struct *work)
{
	bool again = false;
	unsigned int i;

	mutex_lock(&fexit_lock);
	for (i = 0; i < KS_FEXIT_SLOTS; i++) {
		if (!fexit_slots[i].holds)
			continue;
		if (fexit_sum(i)) {
			again = true;
			continue;
		}
		fexit_slots[i].holds = false;
		module_put(THIS_MODULE);
	}
	mutex_unlock(&fexit_lock);
	/* Only with a reference left: who unloads the module waits for this to end. */
	if (again)
		schedule_delayed_work(&fexit_work, HZ / 10);
}

void ks_fexit_use(void)
{
	fexit_used = true;
}

bool ks_fexit_is_trampoline(unsigned long address)
{
	unsigned int i;

	for (i = 0; KS_FEXIT_WORKS && i < KS_FEXIT_SLOTS; i++) {
		if (address == ks_fexit_trampoline(i))
			return true;
	}
	for (i = 0; KS_FEXIT_WORKS && i < KS_FENTRY_SLOTS; i++) {
		if (address == ks_fentry_trampoline(i))
			return true;
	}
	return false;
}

/* One that is free: best that of the same function, never one with other calls in it. */
static int fexit_slot_take(const char *target)
{
	int i, found = -EBUSY;

	mutex_lock(&fexit_lock);
	for (i = 0; i < KS_FEXIT_SLOTS; i++) {
		if (fexit_slots[i].taken)
			continue;
		if (fexit_slots[i].target == target) {
			found = i;
			break;
		}
		if (found < 0 && !fexit_slots[i].holds)
			found = i;
	}
	if (found >= 0) {
		fexit_slots[found].taken = true;
		fexit_slots[found].target = target;
		ks_fexit_use();
	}
	mutex_unlock(&fexit_lock);
	return found;
}

/*
 * Nobody enters it any more.  Most calls return soon, and those that were only
 * preempted are waited for; for the others the module stays.
 */
static void fexit_slot_leave(unsigned int slot)
{
	struct ks_fexit_slot *fs = &fexit_slots[slot];
	unsigned int tries;

	for (tries = 0; tries < KS_FEXIT_PATIENCE && !fs->holds && fexit_sum(slot); tries++)
		usleep_range(1000, 2000);
	mutex_lock(&fexit_lock);
	fs->taken = false;
	if (!fs->holds && fexit_sum(slot)) {
		/* The session that ends has one, too. */
		__module_get(THIS_MODULE);
		fs->holds = true;
		schedule_delayed_work(&fexit_work, HZ / 10);
	}
	mutex_unlock(&fexit_lock);
}

static void fexit_free(struct ks_attachment *attachment)
{
	struct ks_fexit *fx = container_of(attachment, struct ks_fexit, attachment);

	fexit_slot_leave(fx->slot);
	kfree(fx);
}

static void fexit_follow(struct ks_fexit *fx)
{
	ks_fexit_asks[fx->slot] = fx->attachment.point->call.enter ? 1 : 0;
	/* Whoever sees it sees all of it. */
	smp_store_release(&fexit_users[fx->slot], fx);
	/* And whoever is told to follow sees whom. */
	smp_store_release(&ks_fexit_generations[fx->slot], fx->generation);
}

static void fexit_follow_no_more(struct ks_fexit *fx)
{
	WRITE_ONCE(ks_fexit_generations[fx->slot], 0);
	WRITE_ONCE(fexit_users[fx->slot], NULL);
}

static int fexit_attach(struct ks_hook *hook, const struct ks_point *point,
			struct ks_attachment **attachment)
{
	static u64 generation;
	struct ks_fexit *fx;
	int err;

	BUILD_BUG_ON(sizeof(struct ks_fexit_frame) != KS_FEXIT_FRAME);
	BUILD_BUG_ON(offsetof(struct ks_fexit_frame, call.caller) != KS_FEXIT_CALLER);
	BUILD_BUG_ON(offsetof(struct ks_fexit_frame, generation) != KS_FEXIT_GENERATION);
	if (!KS_FEXIT_WORKS)
		return -EOPNOTSUPP;
	if (point->call.data_size > KS_FEXIT_DATA)
		return -E2BIG;
	fx = kzalloc(sizeof(*fx), GFP_KERNEL);
	if (!fx)
		return -ENOMEM;
	fx->attachment.hook = hook;
	fx->attachment.point = point;
	fx->generation = ++generation;
	fx->function = ks_symbol(point->target);
	err = fx->function ? fexit_slot_take(point->target) : -ENOENT;
	if (err < 0)
		goto err_free;
	fx->slot = err;
	fexit_follow(fx);
	err = ks_direct_register(&fx->ops, fx->function, ks_fexit_trampoline(fx->slot));
	if (!err) {
		*attachment = &fx->attachment;
		return 0;
	}
	fexit_follow_no_more(fx);
	ks_synchronize_probes();
	fexit_slot_leave(fx->slot);
err_free:
	kfree(fx);
	return err;
}

static void fexit_detach(struct ks_attachment *attachment)
{
	struct ks_fexit *fx = container_of(attachment, struct ks_fexit, attachment);

	fexit_follow_no_more(fx);
	if (!ks_direct_unregister(&fx->ops, fx->function, ks_fexit_trampoline(fx->slot)))
		return;
	ks_attachment_is_stuck(attachment);
}

static const char *fexit_check(struct ks_attachment *attachment)
{
	const struct ks_fexit *fx = container_of(attachment, struct ks_fexit, attachment);

	return ks_ftrace_calls(fx->function) ? NULL : KS_FTRACE_SILENT;
}

void ks_fexit_uninit(void)
{
	cancel_delayed_work_sync(&fexit_work);
	if (fexit_used)
		ks_synchronize_direct();
}

/* "2 do_filp_open": so many calls have not returned, and keep the module. */
static int pending_show(char *buffer, const struct kernel_param *parameter)
{
	int used = 0;
	u32 calls;
	int i;

	mutex_lock(&fexit_lock);
	for (i = 0; i < KS_FEXIT_SLOTS; i++) {
		calls = fexit_slots[i].holds ? fexit_sum(i) : 0;
		if (calls)
			used += scnprintf(buffer + used, PAGE_SIZE - used, "%u %s\n", calls,
					  fexit_slots[i].target);
	}
	mutex_unlock(&fexit_lock);
	return used;
}

static const struct kernel_param_ops pending_ops = {
	.get = pending_show,
};

module_param_cb(pending, &pending_ops, NULL, 0444);
MODULE_PARM_DESC(pending, "calls of functions that no session follows any more, but which have yet to return");

const struct ks_mechanism ks_mech_fexit = {
	.name	= "fexit",
	.attach	= fexit_attach,
	.detach	= fexit_detach,
	.free	= fexit_free,
	.check	= fexit_check,
	.of_functions = true,
};
