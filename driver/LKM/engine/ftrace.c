// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bare ftrace_ops on one function: the cheapest way to see it entered.
 *
 * Hooks of the same function share it: with a second one there, ftrace would
 * leave its trampoline and ask every ops there is whether it is meant.  Where
 * they ask for bits, and it can be, the function calls a trampoline of ours
 * (fexit_x86.S), which looks at these and returns.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include "../compat/decode.h"
#include "../compat/fexit.h"
#include "../compat/kprobes.h"
#include "../compat/uaccess.h"
#include "../core/record.h"
#include "fexit.h"
#include "mechanism.h"

/* Bytes of a function where its call of ftrace ends at the latest, and begins. */
#define FTRACE_ENTRY	16
#define FTRACE_CALL_AT	8
#define FTRACE_TRIES	4
#define FTRACE_PAUSE_MS	20

struct ks_ftrace_site;

struct ks_ftrace {
	struct ks_attachment attachment;
	const u32 *wanted;
	u32 bits;			/* as of the point */
	u32 offset;
	struct ks_ftrace *next;
	struct ks_ftrace_site *site;
};

/* A function that hooks are at; changed by the engine, under its mutex. */
struct ks_ftrace_site {
	struct ftrace_ops ops;
	struct ks_ftrace *first;	/* who is called */
	unsigned long address;
	unsigned int users;		/* who has yet to be freed */
	int slot;			/* of the trampoline, or -1 */
	bool by_bits;
	u32 offset;
	struct ks_ftrace_site *next;
};

static struct ks_ftrace_site *ftrace_sites;

/* By trampoline. */
static struct ks_ftrace_site *fentry_sites[KS_FENTRY_SLOTS];
u32 ks_fentry_bits[KS_FENTRY_SLOTS];
u32 ks_fentry_offsets[KS_FENTRY_SLOTS];

static __always_inline void ftrace_tell(const struct ks_ftrace *ft, const struct ks_call *call)
{
	u64 token = ks_hook_enter(ft->attachment.hook);

	ft->attachment.point->entry(ft->attachment.hook, call);
	ks_hook_leave(ft->attachment.hook, token);
}

static void notrace ftrace_enter(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, ks_ftrace_regs *regs)
{
	const struct ks_ftrace_site *site = container_of(ops, struct ks_ftrace_site, ops);
	const struct ks_ftrace *ft;
	struct ks_call call;

	call.caller = parent_ip;
	if (unlikely(!ks_ftrace_call(&call, regs)))
		return;
	/* Who is taken away is freed when this has ended. */
	preempt_disable_notrace();
	for (ft = READ_ONCE(site->first); ft; ft = READ_ONCE(ft->next))
		ftrace_tell(ft, &call);
	preempt_enable_notrace();
}

static noinline void notrace ftrace_tell_one(const struct ks_ftrace *ft, ks_ftrace_regs *regs,
					     unsigned long parent_ip)
{
	struct ks_call call;

	call.caller = parent_ip;
	if (likely(ks_ftrace_call(&call, regs)))
		ftrace_tell(ft, &call);
}

/* The same where they ask for bits. */
static void notrace ftrace_enter_if(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops, ks_ftrace_regs *regs)
{
	const struct ks_ftrace_site *site = container_of(ops, struct ks_ftrace_site, ops);
	const struct ks_ftrace *ft;
	unsigned long object;

	if (unlikely(!regs))
		return;
	object = ks_ftrace_argument(regs, 0);
	preempt_disable_notrace();
	for (ft = READ_ONCE(site->first); ft; ft = READ_ONCE(ft->next)) {
		if (unlikely(READ_ONCE(*ft->wanted) &&
			     READ_ONCE(*(const u32 *)(object + ft->offset)) & ft->bits))
			ftrace_tell_one(ft, regs, parent_ip);
	}
	preempt_enable_notrace();
}

void ks_ftrace_unregister(struct ftrace_ops *ops)
{
	/* The kernel warns of one that somebody else has unregistered. */
	if (ops->flags & FTRACE_OPS_FL_ENABLED)
		unregister_ftrace_function(ops);
	ks_ftrace_free_filter(ops);
}

/* The same by the trampoline, which does not know who asks for which bits. */
asmlinkage void ks_fentry_enter(unsigned int slot, const struct ks_call *call)
{
	const struct ks_ftrace_site *site;
	const struct ks_ftrace *ft;

	preempt_disable_notrace();
	site = READ_ONCE(fentry_sites[slot]);
	for (ft = site ? READ_ONCE(site->first) : NULL; ft; ft = READ_ONCE(ft->next)) {
		if (READ_ONCE(*ft->wanted) &&
		    READ_ONCE(*(const u32 *)(call->arg[0] + ft->offset)) & ft->bits)
			ftrace_tell(ft, call);
	}
	preempt_enable_notrace();
}

NOKPROBE_SYMBOL(ks_fentry_enter);

/* Those of the hooks whose event a session wants. */
static void site_ask(const struct ks_ftrace_site *site)
{
	const struct ks_ftrace *ft;
	u32 bits = 0;

	if (site->slot < 0)
		return;
	for (ft = site->first; ft; ft = ft->next)
		bits |= READ_ONCE(*ft->wanted) ? ft->bits : 0;
	WRITE_ONCE(ks_fentry_bits[site->slot], bits);
}

void ks_ftrace_wanted(void)
{
	const struct ks_ftrace_site *site;

	for (site = ftrace_sites; site; site = site->next)
		site_ask(site);
}

static bool site_direct(struct ks_ftrace_site *site)
{
	int slot = 0;

	while (slot < KS_FENTRY_SLOTS && fentry_sites[slot])
		slot++;
	if (!KS_FEXIT_WORKS || slot == KS_FENTRY_SLOTS)
		return false;
	ks_fexit_use();
	WRITE_ONCE(ks_fentry_offsets[slot], site->offset);
	if (ks_direct_register(&site->ops, site->address, ks_fentry_trampoline(slot)))
		return false;
	WRITE_ONCE(fentry_sites[slot], site);
	site->slot = slot;
	return true;
}

static struct ks_ftrace_site *site_find(unsigned long address, const struct ks_point *point)
{
	struct ks_ftrace_site *site = ftrace_sites;

	while (site && (site->address != address || site->by_bits != !!point->bits ||
			site->offset != point->offset))
		site = site->next;
	return site;
}

/* ERR_PTR(); first is called as soon as it is there. */
static struct ks_ftrace_site *site_make(unsigned long address, const struct ks_point *point,
					struct ks_ftrace *first)
{
	struct ks_ftrace_site *site;
	int err;

	site = kzalloc(sizeof(*site), GFP_KERNEL);
	if (!site)
		return ERR_PTR(-ENOMEM);
	site->address = address;
	site->first = first;
	site->users = 1;
	site->slot = -1;
	site->by_bits = point->bits;
	site->offset = point->offset;
	if (site->by_bits && site_direct(site))
		goto out;
	memset(&site->ops, 0, sizeof(site->ops));
	site->ops.func = site->by_bits ? ftrace_enter_if : ftrace_enter;
	site->ops.flags = KS_FTRACE_FLAGS;
	err = ftrace_set_filter_ip(&site->ops, address, 0, 0);
	if (err)
		goto err_free;
	err = register_ftrace_function(&site->ops);
	if (err)
		goto err_filter;
out:
	site->next = ftrace_sites;
	ftrace_sites = site;
	return site;

err_filter:
	ks_ftrace_free_filter(&site->ops);
err_free:
	kfree(site);
	return ERR_PTR(err);
}

/* true: it cannot be taken away. */
static bool site_take(struct ks_ftrace_site *site)
{
	struct ks_ftrace_site **at = &ftrace_sites;

	while (*at != site)
		at = &(*at)->next;
	*at = site->next;
	if (site->slot < 0) {
		ks_ftrace_unregister(&site->ops);
		return false;
	}
	WRITE_ONCE(ks_fentry_bits[site->slot], 0);
	if (ks_direct_unregister(&site->ops, site->address, ks_fentry_trampoline(site->slot)))
		return true;
	WRITE_ONCE(fentry_sites[site->slot], NULL);
	return false;
}

static int ftrace_attach(struct ks_hook *hook, const struct ks_point *point,
			 struct ks_attachment **attachment)
{
	struct ks_ftrace_site *site;
	struct ks_ftrace *ft;
	unsigned long address;

	if (!KS_FTRACE_WORKS)
		return -EOPNOTSUPP;
	address = ks_symbol(point->target);
	if (!address)
		return -ENOENT;
	ft = kzalloc(sizeof(*ft), GFP_KERNEL);
	if (!ft)
		return -ENOMEM;
	ft->attachment.hook = hook;
	ft->attachment.point = point;
	ft->wanted = &ks_wanted[hook->event];
	ft->bits = point->bits;
	ft->offset = point->offset;
	site = site_find(address, point);
	if (site) {
		site->users++;
		ft->next = site->first;
		/* Whoever sees it sees all of it. */
		smp_store_release(&site->first, ft);
	} else {
		site = site_make(address, point, ft);
	}
	if (IS_ERR(site)) {
		kfree(ft);
		return PTR_ERR(site);
	}
	ft->site = site;
	site_ask(site);
	*attachment = &ft->attachment;
	return 0;
}

static void ftrace_detach(struct ks_attachment *attachment)
{
	struct ks_ftrace *ft = container_of(attachment, struct ks_ftrace, attachment);
	struct ks_ftrace **at = &ft->site->first;

	while (*at != ft)
		at = &(*at)->next;
	WRITE_ONCE(*at, ft->next);
	site_ask(ft->site);
	if (ft->site->first || !site_take(ft->site))
		return;
	ks_attachment_is_stuck(attachment);
}

bool ks_ftrace_calls(unsigned long address)
{
	struct ks_ref found[4];
	struct ks_refs refs;
	u8 code[FTRACE_ENTRY];
	unsigned int try, i;

	/* Whoever patches the code leaves a breakpoint there for a moment. */
	for (try = 0; KS_DECODES && try < FTRACE_TRIES; try++) {
		if (try)
			msleep(FTRACE_PAUSE_MS);
		refs = (struct ks_refs){ found, ARRAY_SIZE(found), 0 };
		if (copy_from_kernel_nofault(code, (void *)address, sizeof(code)))
			return false;
		ks_decode(code, sizeof(code), address, &refs);
		for (i = 0; i < min_t(u32, refs.count, ARRAY_SIZE(found)); i++) {
			if (found[i].kind == KS_REF_CALL && found[i].offset <= FTRACE_CALL_AT)
				return true;
		}
	}
	return !KS_DECODES;
}

const char *ks_ftrace_wrong(const struct ftrace_ops *ops, unsigned long address)
{
	if (!(ops->flags & FTRACE_OPS_FL_ENABLED))
		return "it was unregistered";
	return ks_ftrace_calls(address) ? NULL : KS_FTRACE_SILENT;
}

static const char *ftrace_check(struct ks_attachment *attachment)
{
	const struct ks_ftrace_site *site = container_of(attachment, struct ks_ftrace,
							 attachment)->site;

	if (site->slot >= 0)
		return ks_ftrace_calls(site->address) ? NULL : KS_FTRACE_SILENT;
	return ks_ftrace_wrong(&site->ops, site->address);
}

static void ftrace_free(struct ks_attachment *attachment)
{
	struct ks_ftrace *ft = container_of(attachment, struct ks_ftrace, attachment);

	if (!--ft->site->users)
		kfree(ft->site);
	kfree(ft);
}

const struct ks_mechanism ks_mech_ftrace = {
	.name	= "ftrace",
	.attach	= ftrace_attach,
	.detach	= ftrace_detach,
	.free	= ftrace_free,
	.check	= ftrace_check,
	.of_functions = true,
};
