// SPDX-License-Identifier: GPL-2.0-only
/*
 * The char device: open, mmap, poll, read, release.
 */
#include <linux/capability.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include "../compat/fs.h"
#include "../compat/poll.h"
#include "../compat/uaccess.h"
#include "device.h"
#include "session.h"

/* In the initial user namespace, whatever the node's mode says. */
static bool device_may_open(void)
{
	return capable(CAP_AUDIT_READ) || capable(CAP_SYS_ADMIN);
}

static int device_open(struct inode *inode, struct file *file)
{
	struct ks_session *session;

	if (!device_may_open())
		return -EPERM;
	session = ks_session_create();
	if (IS_ERR(session))
		return PTR_ERR(session);
	file->private_data = session;
	return nonseekable_open(inode, file);
}

static int device_release(struct inode *inode, struct file *file)
{
	ks_session_destroy(file->private_data);
	return 0;
}

static int device_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ks_session *session = file->private_data;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 region = offset >> 56, cpu = (offset >> 40) & 0xffff;
	int err = -EINVAL;

	if (!(vma->vm_flags & VM_SHARED) || region > KSONDE_REGION_DATA ||
	    offset != KSONDE_MMAP_OFFSET(region, cpu))
		return -EINVAL;
	/*
	 * The caller holds its mmap lock, which ioctl and read take when they
	 * fault under session->lock: waiting here could be a deadlock.
	 */
	if (!mutex_trylock(&session->lock))
		return -EAGAIN;
	if (!session->has_rings || cpu >= nr_cpu_ids || !cpu_possible(cpu))
		goto out_unlock;
	if (session->read_used) {
		err = -EBUSY;
		goto out_unlock;
	}
	err = ks_ring_map(&session->cpus[cpu]->ring, region, vma);
	if (!err)
		session->mapped = true;
out_unlock:
	mutex_unlock(&session->lock);
	return err;
}

static __poll_t device_poll(struct file *file, poll_table *wait)
{
	struct ks_session *session = file->private_data;
	__poll_t events = 0;

	poll_wait(file, &session->wait, wait);
	mutex_lock(&session->lock);
	if (session->has_rings) {
		ks_deliver_gaps(session);
		if (ks_deliver_readable(session))
			events |= EPOLLIN | EPOLLRDNORM;
		if (!session->started)
			events |= EPOLLHUP;
	}
	mutex_unlock(&session->lock);
	return events;
}

/* Whole records of one CPU; bytes copied, or what went wrong with the first. */
static ssize_t device_read_ring(struct ks_ring *ring, char __user *buffer, size_t size)
{
	u64 from = ks_ring_begin(ring);
	/* Pairs with ring_publish(). */
	u64 head = smp_load_acquire(&ring->control->head);
	const struct ksonde_header *header;
	size_t done = 0;

	while (from < head) {
		header = (const void *)(ring->data + (from & (ring->bytes - 1)));
		if (header->length > size - done) {
			if (!done)
				return -EMSGSIZE;
			break;
		}
		if (copy_to_user(buffer + done, header, header->length))
			return done ? (ssize_t)done : -EFAULT;
		done += header->length;
		from += header->length;
		/* What was copied may be overwritten from here on, not before. */
		smp_store_release(&ring->reader->position, from);
	}
	return done;
}

static ssize_t device_read_all(struct ks_session *session, char __user *buffer, size_t size)
{
	unsigned int cpu;
	size_t done = 0;
	ssize_t got;

	lockdep_assert_held(&session->lock);
	for_each_possible_cpu(cpu) {
		got = device_read_ring(&session->cpus[cpu]->ring, buffer + done, size - done);
		if (got < 0)
			return done ? (ssize_t)done : got;
		done += got;
	}
	return done;
}

static ssize_t device_read_once(struct ks_session *session, char __user *buffer, size_t size)
{
	ssize_t got;

	if (mutex_lock_interruptible(&session->lock))
		return -ERESTARTSYS;
	if (!session->has_rings) {
		got = -EINVAL;
	} else if (session->mapped) {
		got = -EBUSY;
	} else if (session->started && session->setup.mode == KSONDE_RING_FLIGHT_RECORDER) {
		/* Its records may be overwritten while they are copied. */
		got = -EBUSY;
	} else {
		session->read_used = true;
		ks_deliver_gaps(session);
		got = device_read_all(session, buffer, size);
		if (!got && session->started)
			got = -EAGAIN;
	}
	mutex_unlock(&session->lock);
	return got;
}

/* 0: stopped and empty. */
static ssize_t device_read(struct file *file, char __user *buffer, size_t size, loff_t *offset)
{
	struct ks_session *session = file->private_data;
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	ssize_t got;

	add_wait_queue(&session->wait, &wait);
	for (;;) {
		got = device_read_once(session, buffer, size);
		if (got != -EAGAIN || (file->f_flags & O_NONBLOCK))
			break;
		if (signal_pending(current)) {
			got = -ERESTARTSYS;
			break;
		}
		wait_woken(&wait, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT);
	}
	remove_wait_queue(&session->wait, &wait);
	return got;
}

static const struct file_operations device_operations = {
	.owner		= THIS_MODULE,
	.open		= device_open,
	.release	= device_release,
	.mmap		= device_mmap,
	.poll		= device_poll,
	.read		= device_read,
	.unlocked_ioctl	= ks_ioctl,
	.compat_ioctl	= ks_compat_ptr_ioctl,
	.llseek		= ks_no_llseek,
};

static struct miscdevice device_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= KSONDE_DEVICE_NAME,
	.fops	= &device_operations,
	.mode	= 0600,
};

int ks_device_init(void)
{
	return misc_register(&device_misc);
}

void ks_device_uninit(void)
{
	misc_deregister(&device_misc);
}
