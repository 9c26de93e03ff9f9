// SPDX-License-Identifier: GPL-2.0-only
/*
 * v6.3, bc292ab00f6c ("mm: introduce vma->vm_flags wrapper functions"); RHEL 9.5's
 * 5.14 has it.
 */
#include <linux/mm.h>

static void __maybe_unused probe(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_DONTCOPY);
}
