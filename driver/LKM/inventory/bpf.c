// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of BPF: the kernel's own table of them.  What one is attached to is
 * known where the program itself says so (tracing, LSM).
 */
#include <linux/idr.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include "../compat/bpf.h"
#include "../engine/hook.h"
#include "inventory.h"

static void bpf_add(struct ks_inventory *inventory, int id, const struct bpf_prog *program)
{
	struct ks_inventory_entry *entry =
		ks_inventory_add(inventory, (unsigned long)program->bpf_func);
	const char *to = ks_bpf_attached(program);

	/* Its code has a symbol only where it may have one. */
	entry->bpf = program->jited;
	strscpy(entry->name, ks_bpf_name(program), sizeof(entry->name));
	scnprintf(entry->detail, sizeof(entry->detail), "type %d, attach type %d, id %d%s%s",
		  program->type, ks_bpf_attach_type(program), id, to ? ", to " : "", to ?: "");
}

void ks_inventory_bpf(struct ks_inventory *inventory)
{
	const struct bpf_prog *program;
	struct idr *programs;
	int id;

	if (!KS_BPF) {
		ks_inventory_note(inventory, false, "this kernel has no BPF");
		return;
	}
	programs = (void *)ks_inventory_symbol(inventory, "prog_idr", sizeof(*programs));
	if (!programs)
		return;
	/* A program is freed when RCU says so, after it was taken out. */
	rcu_read_lock();
	for (id = 0; (program = idr_get_next(programs, &id)); id++)
		bpf_add(inventory, id, program);
	rcu_read_unlock();
}
