/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/ksonde: an open file is a session. */
#ifndef KS_DEVICE_H
#define KS_DEVICE_H

#include <linux/fs.h>

struct ks_session;

int ks_device_init(void);
void ks_device_uninit(void);

/* ioctl.c: the calls of uapi/ksonde.h. */
long ks_ioctl(struct file *file, unsigned int command, unsigned long argument);
/*
 * An argument, into a structure that begins with its size.  -EFAULT, -EINVAL
 * for a size that cannot hold a size and one field, -E2BIG.
 */
int ks_ioctl_in(void *what, size_t size, void __user *argument);
/* Back again; what the caller cannot hold is left out. */
int ks_ioctl_out(void __user *argument, const void *what, size_t size);
int ks_ioctl_init(void);
void ks_ioctl_uninit(void);

/* scans.c: SET_PORT_SCAN. */
long ks_ioctl_port_scan(struct ks_session *session, void __user *argument);

/* inspect.c: the call of uapi/ksonde_inspect.h. */
long ks_ioctl_inspect(struct ks_session *session, void __user *argument);

#endif /* KS_DEVICE_H */
