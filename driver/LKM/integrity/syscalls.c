// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables of system calls, and the switches that have taken their place
 * (x64_sys_call(), since v6.9 and in stable kernels before): whatever is
 * called from there must be the begin of a system call's function in the
 * kernel's own text.
 */
#include <linux/slab.h>
#include <linux/string.h>
#include "../compat/decode.h"
#include "../compat/mm.h"
#include "../compat/uaccess.h"
#include "../compat/unistd.h"
#include "../engine/hook.h"
#include "probed.h"
#include "scan.h"

#define SYSCALLS_CODE	32768
#define SYSCALLS_REFS	2048

struct syscalls_code {
	struct ks_probed probed;
	u8 code[SYSCALLS_CODE];
	struct ks_ref refs[SYSCALLS_REFS];
};

static const struct {
	const char *name;
	u32 slots;
} syscalls_tables[] = {
	{ "sys_call_table", KS_SYSCALLS },
	{ "ia32_sys_call_table", KS_SYSCALLS_IA32 },
};

static const char * const syscalls_switches[] = {
	"x64_sys_call", "x32_sys_call", "ia32_sys_call",
};

/*
 * All that is in a table is named so, on all architectures: sys_, __x64_sys_,
 * compat_sys_, ...; before v4.17 also SyS_, which is at the same place as sys_,
 * sys32_ and stub32_.
 */
static bool syscalls_is_one(const struct ks_owner *owner)
{
	static const char * const names[] = { "sys_", "SyS_", "sys32_", "stub32_" };
	u32 i;

	if (!owner->kernel || owner->offset)
		return false;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (strstr(owner->symbol, names[i]))
			return true;
	return false;
}

static void syscalls_table(struct ks_scan *scan, const char *name, u32 slots)
{
	unsigned long table = ks_symbol(name), slot;
	u32 i;

	if (!table)
		return;
	ks_owner_find(&scan->owner, table);
	slots = min_t(unsigned long, scan->owner.size / sizeof(slot), slots);
	for (i = 0; i < slots; i++) {
		if (copy_from_kernel_nofault(&slot, (unsigned long *)table + i, sizeof(slot))) {
			scan->why = "a table of system calls cannot be read";
			return;
		}
		scan->checked++;
		ks_owner_find(&scan->owner, slot);
		if (!syscalls_is_one(&scan->owner))
			ks_scan_finding(scan, KS_FINDING_SYSCALL,
					"the slot has no function of a system call", slot,
					"%s[%u]", name, i);
	}
}

static void syscalls_switch(struct ks_scan *scan, struct syscalls_code *work, const char *name)
{
	struct ks_refs refs = { work->refs, SYSCALLS_REFS, 0 };
	unsigned long function = ks_symbol(name);
	size_t size;
	u32 i;

	if (!function)
		return;
	ks_owner_find(&scan->owner, function);
	size = min_t(size_t, scan->owner.size, SYSCALLS_CODE);
	if (copy_from_kernel_nofault(work->code, (void *)function, size) ||
	    ks_decode(work->code, size, function, &refs) < size ||
	    size < scan->owner.size || refs.count > SYSCALLS_REFS)
		scan->why = "the code of a switch of system calls was not understood whole";
	for (i = 0; i < min_t(u32, refs.count, SYSCALLS_REFS); i++) {
		if (work->refs[i].kind == KS_REF_DATA)
			continue;
		scan->checked++;
		/* Helpers of the kernel, and the thunks of returns, are called as well. */
		ks_owner_find(&scan->owner, work->refs[i].address);
		if ((scan->owner.kernel && !scan->owner.offset) ||
		    ks_probed_target(&work->probed, &scan->owner, work->refs[i].address) ||
		    ks_probed_near(&work->probed, function, work->refs[i].offset))
			continue;
		if (work->probed.blind) {
			scan->why = "what ftrace and kprobes make cannot be told from a finding";
			continue;
		}
		ks_scan_finding(scan, KS_FINDING_SYSCALL,
				"the code calls what is no function of the kernel",
				work->refs[i].address, "%s+0x%x", name, work->refs[i].offset);
	}
}

void ks_scan_syscalls(struct ks_scan *scan)
{
	struct syscalls_code *work;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(syscalls_tables); i++)
		syscalls_table(scan, syscalls_tables[i].name, syscalls_tables[i].slots);
	if (!scan->checked)
		scan->why = "the kernel shows no symbol of a table of system calls";
	if (!KS_DECODES)
		return;
	work = kvmalloc(sizeof(*work), GFP_KERNEL);
	if (!work) {
		scan->why = "no memory";
		return;
	}
	ks_probed_init(&work->probed);
	for (i = 0; i < ARRAY_SIZE(syscalls_switches); i++)
		syscalls_switch(scan, work, syscalls_switches[i]);
	kvfree(work);
}
