/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The second part of uapi/ksonde.h, which includes it: questions about the
 * kernel itself.  They are answered at once, by a text; no session has to be
 * started for them.
 */
#ifndef _UAPI_KSONDE_INSPECT_H
#define _UAPI_KSONDE_INSPECT_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KSONDE_IOC_INSPECT	_IO(0xb5, 14)

/* What is asked; EOPNOTSUPP for one that this driver does not know. */
enum ksonde_inspect_what {
	KSONDE_INSPECT_LSM = 1,		/* the callbacks of all LSM hooks */
	KSONDE_INSPECT_INTEGRITY = 2,	/* is it still the kernel that was booted */
	KSONDE_INSPECT_INVENTORY = 3,	/* who has asked the kernel to be called */
	KSONDE_INSPECT_LAYOUT = 4,	/* where the kernel's code and its tables are */
	KSONDE_INSPECT_CODE = 5,	/* the bytes of code, from address on; no JSON */
	KSONDE_INSPECT_PLACE = 6,	/* who owns address, and what the kernel has made of it */
};

/* The greatest text; a longer one fails with EFBIG. */
#define KSONDE_INSPECT_MAX	(16 << 20)

/*
 * INSPECT: looks, and copies what it found to buffer, as JSON (not
 * NUL-terminated).  needed is always set; ENOSPC when length was less: the
 * next look may find more.  Whoever may open a session may ask; addresses are
 * in the text only for who has CAP_SYSLOG or CAP_SYS_ADMIN when it asks.
 * One look at a time: another session's waits.
 *
 * LAYOUT, CODE and PLACE are about addresses: EPERM for who may not see them.
 * CODE copies what lies from address on in the kernel's own text, or in that
 * of a module, up to its end; needed is what is left of it.  EFAULT: there is
 * no text.
 */
struct ksonde_inspect {
	__u32 size;
	__u32 what;		/* enum ksonde_inspect_what */
	__u64 buffer;		/* user address */
	__u32 length;		/* in: bytes at buffer; out: bytes written */
	__u32 needed;		/* out: bytes of the whole text */
	__u32 part;		/* of INTEGRITY, INVENTORY, from 0; ENOENT past the last */
	__u32 reserved;
	__u64 address;		/* of CODE and PLACE.  Else 0 */
};

#endif /* _UAPI_KSONDE_INSPECT_H */
