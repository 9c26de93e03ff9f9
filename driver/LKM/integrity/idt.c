// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of interrupts: all CPUs have the kernel's own, and its gates lead
 * into the kernel's entry code.
 */
#include <linux/cpumask.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include "../compat/desc.h"
#include "../compat/mm.h"
#include "../engine/hook.h"
#include "scan.h"

static void idt_read(void *data)
{
	unsigned long *tables = data;

	tables[smp_processor_id()] = ks_idt();
}

/* Exceptions that are none keep the handlers of the start, whose memory is gone. */
#define IDT_EXCEPTIONS		32
#define IDT_EARLY_SIZE_MAX	16

struct idt_code {
	unsigned long begin;	/* of the entry code; 0: not known */
	unsigned long end;
	unsigned long interrupts;	/* of old kernels; 0: not apart */
	unsigned long interrupts_end;
	unsigned long early;
};

static bool idt_is_right(const struct idt_code *code, u32 number, unsigned long handler)
{
	if (code->early && number < IDT_EXCEPTIONS && handler >= code->early &&
	    handler < code->early + IDT_EXCEPTIONS * IDT_EARLY_SIZE_MAX)
		return true;
	if (!code->begin || !code->end)
		return ks_owner_is_kernel(handler);
	return (handler >= code->begin && handler < code->end) ||
	       (handler >= code->interrupts && handler < code->interrupts_end);
}

static void idt_gates(struct ks_scan *scan, unsigned long table)
{
	struct idt_code code = {
		.begin = ks_symbol("__entry_text_start"),
		.end = ks_symbol("__entry_text_end"),
		.interrupts = KS_IDT_INTERRUPTS("start"),
		.interrupts_end = KS_IDT_INTERRUPTS("end"),
		.early = ks_symbol("early_idt_handler_array"),
	};
	unsigned long handler;
	u32 i;

	for (i = 0; i < KS_IDT_GATES; i++) {
		if (!ks_idt_handler(table, i, &handler)) {
			scan->why = "the table of interrupts cannot be read";
			return;
		}
		if (!handler)
			continue;
		scan->checked++;
		if (!idt_is_right(&code, i, handler))
			ks_scan_finding(scan, KS_FINDING_IDT,
					"the gate does not lead to the kernel's entry code",
					handler, "gate %u", i);
	}
}

void ks_scan_idt(struct ks_scan *scan)
{
	unsigned long own = ks_symbol("idt_table"), first = 0;
	unsigned long *tables;
	unsigned int cpu;

	if (!KS_IDT_GATES) {
		scan->why = "there is no table of interrupts on this architecture";
		return;
	}
	tables = kvcalloc(nr_cpu_ids, sizeof(*tables), GFP_KERNEL);
	if (!tables) {
		scan->why = "no memory";
		return;
	}
	on_each_cpu(idt_read, tables, 1);
	for_each_online_cpu(cpu) {
		if (!tables[cpu])
			continue;
		scan->checked++;
		if (tables[cpu] != own && tables[cpu] != KS_IDT_MAPPED)
			ks_scan_finding(scan, KS_FINDING_IDT,
					"the CPU has a table of interrupts that is not the kernel's",
					0, "CPU %u", cpu);
		if (first != tables[cpu])
			idt_gates(scan, tables[cpu]);
		first = tables[cpu];
	}
	if (!first)
		scan->why = "the CPUs use no table of interrupts";
	kvfree(tables);
}
