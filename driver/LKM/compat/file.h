/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/file.h>, <linux/fdtable.h>
 * v6.7, 0ede61d8589c ("file: convert to SLAB_TYPESAFE_BY_RCU"):
 * get_file_rcu() takes the address of the pointer.
 */
#ifndef KS_COMPAT_FILE_H
#define KS_COMPAT_FILE_H

#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm_types.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/version.h>

/* Takes a reference on what slot points to.  Under rcu_read_lock(). */
static inline struct file *ks_get_file_rcu(struct file __rcu **slot)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return get_file_rcu(slot);
#else
	struct file *file = rcu_dereference(*slot);

	if (!file || !get_file_rcu(file))
		return NULL;
	if (file != rcu_access_pointer(*slot)) {
		fput(file);
		return NULL;
	}
	return file;
#endif
}

/* The slot of a descriptor, NULL beyond the table.  Under rcu_read_lock(). */
static inline struct file __rcu **ks_fd_slot(struct files_struct *files, unsigned int fd)
{
	struct fdtable *table = rcu_dereference_raw(files->fdt);

	return fd < table->max_fds ? &table->fd[fd] : NULL;
}

/* What a descriptor of the current task leads to, with a reference; NULL: nothing. */
static inline struct file *ks_file_of(int fd)
{
	struct files_struct *files = current->files;
	struct file __rcu **slot;
	struct file *file = NULL;

	if (!files || fd < 0)
		return NULL;
	rcu_read_lock();
	slot = ks_fd_slot(files, fd);
	if (slot)
		file = ks_get_file_rcu(slot);
	rcu_read_unlock();
	return file;
}

/* With a reference; get_mm_exe_file() is not exported (v5.15). */
static inline struct file *ks_get_exe_file(struct mm_struct *mm)
{
	struct file *file;

	rcu_read_lock();
	file = ks_get_file_rcu(&mm->exe_file);
	rcu_read_unlock();
	return file;
}

#endif /* KS_COMPAT_FILE_H */
