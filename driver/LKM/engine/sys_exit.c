// SPDX-License-Identifier: GPL-2.0-only
/*
 * The global sys_exit tracepoint, dispatched on the number.  Taxes every
 * system call of every task, so it is everybody's last candidate.
 */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <asm/syscall.h>
#include "../compat/syscall.h"
#include "mechanism.h"

#define KS_SYS_EXIT_NUMBERS	512

static const struct ks_syscall_number sys_exit_numbers[] = {
	KS_SYSCALL_NUMBER(execve),
	KS_SYSCALL_NUMBER(execveat),
	KS_SYSCALL_NUMBER(init_module),
	KS_SYSCALL_NUMBER(finit_module),
	KS_SYSCALL_NUMBER(kill),
	KS_SYSCALL_NUMBER(pidfd_send_signal),
	KS_SYSCALL_NUMBER(tkill),
	KS_SYSCALL_NUMBER(tgkill),
	KS_SYSCALL_NUMBER(setsid),
	KS_SYSCALL_NUMBER(capset),
	KS_SYSCALL_NUMBER(memfd_create),
	KS_SYSCALL_NUMBER(ptrace),
	KS_SYSCALL_NUMBER(process_vm_readv),
	KS_SYSCALL_NUMBER(process_vm_writev),
	KS_SYSCALL_NUMBER(prctl),
	KS_SYSCALL_NUMBER(unshare),
	KS_SYSCALL_NUMBER(setns),
	KS_SYSCALL_NUMBER(pivot_root),
	KS_SYSCALL_NUMBER(chroot),
	KS_SYSCALL_NUMBER(open_tree),
	KS_SYSCALL_NUMBER_NATIVE(accept),
	KS_SYSCALL_NUMBER(accept4),
	KS_SYSCALL_NUMBER(bpf),
	KS_SYSCALL_NUMBER(kexec_load),
	KS_SYSCALL_NUMBER(kexec_file_load),
	KS_SYSCALL_NUMBER(reboot),
	KS_SYSCALL_NUMBER(io_uring_setup),
	KS_SYSCALL_NUMBER(io_uring_register),
	KS_SYSCALL_NUMBER(perf_event_open),
	/* Of no hook: the canary hears who asks for it. */
	KS_SYSCALL_NUMBER(ioctl),
};

struct sys_exit_entry {
	struct ks_attachment *attachment;
	u32 which;
};

/* By ABI (0 native, 1 compat) and number. */
static struct sys_exit_entry sys_exit_table[2][KS_SYS_EXIT_NUMBERS];
static struct tracepoint *sys_exit_tracepoint;
static unsigned int sys_exit_users;

static void sys_exit_probe(void *data, struct pt_regs *regs, long ret)
{
	const struct sys_exit_entry *entry;
	struct ks_attachment *attachment;
	struct ks_syscall call;
	unsigned int nr = syscall_get_nr(current, regs);
	u64 token;

	if (nr >= KS_SYS_EXIT_NUMBERS)
		return;
	entry = &sys_exit_table[ks_syscall_is_compat()][nr];
	attachment = READ_ONCE(entry->attachment);
	if (likely(!attachment))
		return;
	token = ks_hook_enter(attachment->hook);
	ks_syscall_fill(&call, regs);
	call.which = entry->which;
	call.ret = ret;
	attachment->point->syscall.exit(attachment->hook, &call, NULL);
	ks_hook_leave(attachment->hook, token);
}

bool ks_sys_exit_hears(const struct ks_attachment *attachment)
{
	unsigned int nr = syscall_get_nr(current, task_pt_regs(current));

	return nr < KS_SYS_EXIT_NUMBERS &&
	       READ_ONCE(sys_exit_table[ks_syscall_is_compat()][nr].attachment) == attachment;
}

static void sys_exit_find(struct tracepoint *tracepoint, void *data)
{
	if (!strcmp(tracepoint->name, "sys_exit"))
		sys_exit_tracepoint = tracepoint;
}

static const struct ks_syscall_number *sys_exit_number(const struct ks_name *name)
{
	const struct ks_syscall_number *number = sys_exit_numbers;

	for (; number < sys_exit_numbers + ARRAY_SIZE(sys_exit_numbers); number++) {
		if (strlen(number->name) == name->length &&
		    !memcmp(number->name, name->name, name->length))
			return number;
	}
	return NULL;
}

static void sys_exit_enter(unsigned int abi, int nr, struct ks_attachment *attachment, u32 which)
{
	if (nr < 0 || nr >= KS_SYS_EXIT_NUMBERS)
		return;
	sys_exit_table[abi][nr].which = which;
	WRITE_ONCE(sys_exit_table[abi][nr].attachment, attachment);
}

/* Enters (or takes away, with NULL) an attachment for all its names. */
static bool sys_exit_set(const char *names, struct ks_attachment *attachment)
{
	const struct ks_syscall_number *number;
	struct ks_name name;
	bool any = false;
	u32 which;

	for (which = 0; ks_name_next(&names, &name); which++) {
		number = sys_exit_number(&name);
		if (!number)
			continue;
		sys_exit_enter(0, number->native, attachment, which);
		sys_exit_enter(1, number->compat, attachment, which);
		any |= number->native >= 0;
	}
	return any;
}

static int sys_exit_attach(struct ks_hook *hook, const struct ks_point *point,
			   struct ks_attachment **attachment)
{
	struct ks_attachment *new;
	int err = 0;

	if (!sys_exit_tracepoint)
		for_each_kernel_tracepoint(sys_exit_find, NULL);
	if (!sys_exit_tracepoint)
		return -ENOENT;
	new = kzalloc(sizeof(*new), GFP_KERNEL);
	if (!new)
		return -ENOMEM;
	new->hook = hook;
	new->point = point;
	if (!sys_exit_set(point->target, new)) {
		kfree(new);
		return -ENOENT;
	}
	if (!sys_exit_users)
		err = tracepoint_probe_register(sys_exit_tracepoint, sys_exit_probe, NULL);
	if (err) {
		sys_exit_set(point->target, NULL);
		kfree(new);
		return err;
	}
	sys_exit_users++;
	*attachment = new;
	return 0;
}

static void sys_exit_detach(struct ks_attachment *attachment)
{
	sys_exit_set(attachment->point->target, NULL);
	if (!--sys_exit_users)
		ks_tracepoint_unregister(sys_exit_tracepoint, sys_exit_probe, NULL);
}

static const char *sys_exit_check(struct ks_attachment *attachment)
{
	return ks_tracepoint_wrong(sys_exit_tracepoint, sys_exit_probe, NULL);
}

static void sys_exit_free(struct ks_attachment *attachment)
{
	kfree(attachment);
}

const struct ks_mechanism ks_mech_sys_exit = {
	.name	= "sys_exit",
	.attach	= sys_exit_attach,
	.detach	= sys_exit_detach,
	.free	= sys_exit_free,
	.check	= sys_exit_check,
};
