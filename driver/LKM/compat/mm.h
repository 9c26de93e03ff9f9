/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/mm.h>
 * v6.3, bc292ab00f6c ("mm: introduce vma->vm_flags wrapper functions"):
 * vm_flags became const for all but vm_flags_set() and its kin.
 * v4.18, 1c542f38ab8d ("mm: Introduce kvcalloc()").
 * v5.11 ("mm: Convert page kmemcg type to a page memcg flag"):
 * before, an accounted page cannot be mapped.
 */
#ifndef KS_COMPAT_MM_H
#define KS_COMPAT_MM_H

#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/version.h>

#ifdef KS_HAVE_VM_FLAGS_SET
#define ks_vm_flags_set(vma, flags)	vm_flags_set(vma, flags)
#define ks_vm_flags_clear(vma, flags)	vm_flags_clear(vma, flags)
#else
#define ks_vm_flags_set(vma, flags)	((vma)->vm_flags |= (flags))
#define ks_vm_flags_clear(vma, flags)	((vma)->vm_flags &= ~(flags))
#endif

/* For pages that user space gets to see. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
#define KS_GFP_MAPPED	GFP_KERNEL_ACCOUNT
#else
#define KS_GFP_MAPPED	GFP_KERNEL
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(4, 18, 0)
#define kvcalloc(count, size, flags)	kvmalloc_array(count, size, (flags) | __GFP_ZERO)
#endif

/* The task that the memory was made for.  Under rcu_read_lock(). */
static inline const struct task_struct *ks_mm_owner(const struct mm_struct *mm)
{
#ifdef CONFIG_MEMCG
	return rcu_dereference(mm->owner);
#else
	return NULL;
#endif
}

#endif /* KS_COMPAT_MM_H */
