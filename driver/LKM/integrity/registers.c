// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers by which a CPU protects the kernel, and those that say where a
 * system call enters it.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include "../compat/mm.h"
#include "../compat/msr.h"
#include "../engine/hook.h"
#include "scan.h"

/* A CPU that is between two runs of a guest is asked again. */
#define REGISTERS_TRIES		5
#define REGISTERS_PAUSE_MS	10

static void registers_read(void *data)
{
	ks_registers_read((struct ks_registers *)data + smp_processor_id());
}

static void registers_control(struct ks_scan *scan, const struct ks_registers *registers, u32 cpu)
{
	static const struct {
		const char *name;
		const char *what;
		unsigned long bit;
	} bits[] = {
		{ "SMEP", "the kernel may run code of user space", KS_CR4_SMEP },
		{ "SMAP", "the kernel may touch memory of user space unasked", KS_CR4_SMAP },
		{ "UMIP", "user space may ask where the kernel's tables are", KS_CR4_UMIP },
	};
	u32 i;

	scan->checked++;
	if (!(registers->cr0 & KS_CR0_WP))
		ks_scan_finding(scan, KS_FINDING_REGISTER,
				"is off: memory that is read-only may be written", 0,
				"CPU %u: CR0.WP", cpu);
	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		if (!(KS_CR4_WANTED & bits[i].bit))
			continue;
		scan->checked++;
		if (!(registers->cr4 & bits[i].bit))
			ks_scan_finding(scan, KS_FINDING_REGISTER, bits[i].what, 0,
					"CPU %u: CR4.%s is off", cpu, bits[i].name);
	}
}

/* Where a register may lead; 0: a function that this kernel lacks. */
#define REGISTERS_LEADS		3

struct registers_leads {
	unsigned long lstar[REGISTERS_LEADS];
	unsigned long cstar[REGISTERS_LEADS];
	unsigned long sysenter[REGISTERS_LEADS];
};

/* Each look-up takes milliseconds on some kernels: once for all CPUs. */
static void registers_leads_find(struct registers_leads *leads)
{
	*leads = (struct registers_leads) {
		.lstar = { ks_symbol("entry_SYSCALL_64") },
		.cstar = {
			ks_symbol("entry_SYSCALL_compat"),
			ks_symbol("ignore_sysret"),
			ks_symbol("entry_SYSCALL32_ignore"),
		},
		.sysenter = { ks_symbol("entry_SYSENTER_compat") },
	};
}

static void registers_entry(struct ks_scan *scan, u32 cpu, const char *name, unsigned long value,
			    const unsigned long *leads)
{
	u32 i;

	/* The register is not used. */
	if (!value)
		return;
	scan->checked++;
	for (i = 0; i < REGISTERS_LEADS; i++) {
		if (value == leads[i])
			return;
	}
	ks_scan_finding(scan, KS_FINDING_REGISTER,
			"does not lead to the kernel's entry of system calls", value, "CPU %u: %s",
			cpu, name);
}

static bool registers_of_guests(const struct ks_registers *registers)
{
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		if (registers[cpu].guest)
			return true;
	}
	return false;
}

static void registers_look(struct ks_scan *scan, struct ks_registers *registers)
{
	/* Before v4.20 each CPU had a page of its own for it, where page tables are isolated. */
	bool pages = ks_symbol("entry_SYSCALL_64_trampoline");
	struct registers_leads leads;
	unsigned int cpu;
	u32 tries = 0;

	registers_leads_find(&leads);
	on_each_cpu(registers_read, registers, 1);
	while (registers_of_guests(registers) && ++tries < REGISTERS_TRIES) {
		msleep(REGISTERS_PAUSE_MS);
		on_each_cpu(registers_read, registers, 1);
	}
	if (pages || !leads.lstar[0])
		scan->why = "where system calls enter cannot be told of this kernel";
	for_each_online_cpu(cpu) {
		if (!registers[cpu].read)
			continue;
		registers_control(scan, &registers[cpu], cpu);
		if (registers[cpu].guest) {
			scan->why = "a CPU had the registers of a guest";
			continue;
		}
		if (pages || !leads.lstar[0])
			continue;
		registers_entry(scan, cpu, "LSTAR", registers[cpu].lstar, leads.lstar);
		registers_entry(scan, cpu, "CSTAR", registers[cpu].cstar, leads.cstar);
		registers_entry(scan, cpu, "SYSENTER_EIP", registers[cpu].sysenter,
				leads.sysenter);
	}
}

void ks_scan_registers(struct ks_scan *scan)
{
	struct ks_registers *registers;

	if (!KS_REGISTERS) {
		scan->why = "not looked at on this architecture";
		return;
	}
	if (KS_REGISTERS_FOREIGN) {
		scan->why = "they are the hypervisor's";
		return;
	}
	registers = kvcalloc(nr_cpu_ids, sizeof(*registers), GFP_KERNEL);
	if (!registers) {
		scan->why = "no memory";
		return;
	}
	registers_look(scan, registers);
	kvfree(registers);
}
