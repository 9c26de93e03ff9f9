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
int ks_ioctl_init(void);
void ks_ioctl_uninit(void);

#endif /* KS_DEVICE_H */
