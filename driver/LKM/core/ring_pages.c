// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a ring: data pages that the kernel and the reader both see twice
 * in a row (a record never wraps), a control page that user space reads, a
 * position page that it writes.  A mapping holds references on its pages, so
 * the ring may go first.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "../compat/mm.h"
#include "ring.h"

static void *ring_page(void)
{
	return (void *)get_zeroed_page(KS_GFP_MAPPED);
}

static struct page **ring_alloc_pages(unsigned int count)
{
	struct page **pages;
	unsigned int i;

	pages = kvcalloc(2 * (size_t)count, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;
	for (i = 0; i < count; i++) {
		pages[i] = alloc_page(KS_GFP_MAPPED | __GFP_ZERO |
				      __GFP_NOWARN | __GFP_RETRY_MAYFAIL);
		if (!pages[i])
			goto err_free_pages;
		pages[count + i] = pages[i];
	}
	return pages;

err_free_pages:
	while (i--)
		put_page(pages[i]);
	kvfree(pages);
	return NULL;
}

int ks_ring_alloc(struct ks_ring *ring, u64 bytes, bool overwrite)
{
	unsigned int i;

	ring->bytes = bytes;
	ring->overwrite = overwrite;
	ring->nr_pages = bytes >> PAGE_SHIFT;
	ring->control = ring_page();
	if (!ring->control)
		return -ENOMEM;
	ring->reader = ring_page();
	if (!ring->reader)
		goto err_free_control;
	ring->pages = ring_alloc_pages(ring->nr_pages);
	if (!ring->pages)
		goto err_free_reader;
	ring->data = vmap(ring->pages, 2 * ring->nr_pages, VM_MAP, PAGE_KERNEL);
	if (!ring->data)
		goto err_free_pages;
	ring->control->bytes = bytes;
	return 0;

err_free_pages:
	for (i = 0; i < ring->nr_pages; i++)
		put_page(ring->pages[i]);
	kvfree(ring->pages);
err_free_reader:
	free_page((unsigned long)ring->reader);
err_free_control:
	free_page((unsigned long)ring->control);
	ring->control = NULL;
	return -ENOMEM;
}

void ks_ring_free(struct ks_ring *ring)
{
	unsigned int i;

	if (!ring->control)
		return;
	vunmap(ring->data);
	for (i = 0; i < ring->nr_pages; i++)
		put_page(ring->pages[i]);
	kvfree(ring->pages);
	free_page((unsigned long)ring->reader);
	free_page((unsigned long)ring->control);
	memset(ring, 0, sizeof(*ring));
}

int ks_ring_map(struct ks_ring *ring, enum ksonde_region region,
		struct vm_area_struct *vma)
{
	unsigned long length = vma->vm_end - vma->vm_start;
	unsigned long pages = 1, i;
	int err;

	if (region == KSONDE_REGION_DATA)
		pages = 2UL * ring->nr_pages;
	if (length != pages << PAGE_SHIFT)
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	if (region != KSONDE_REGION_POSITION) {
		if (vma->vm_flags & VM_WRITE)
			return -EPERM;
		ks_vm_flags_clear(vma, VM_MAYWRITE);
	}
	ks_vm_flags_clear(vma, VM_MAYEXEC);
	ks_vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);

	if (region == KSONDE_REGION_CONTROL)
		return vm_insert_page(vma, vma->vm_start, virt_to_page(ring->control));
	if (region == KSONDE_REGION_POSITION)
		return vm_insert_page(vma, vma->vm_start, virt_to_page(ring->reader));
	for (i = 0; i < pages; i++) {
		err = vm_insert_page(vma, vma->vm_start + (i << PAGE_SHIFT),
				     ring->pages[i]);
		if (err)
			return err;
	}
	return 0;
}
