/* SPDX-License-Identifier: GPL-2.0-only */
/* Is this kernel still the kernel that was booted. */
#ifndef KS_SCAN_H
#define KS_SCAN_H

#include "../engine/owner.h"

struct ks_text;

/* The events that findings will be. */
enum ks_finding {
	KS_FINDING_FOPS = 700,
	KS_FINDING_SYSCALL = 701,
	KS_FINDING_MODULE = 702,
	KS_FINDING_IDT = 703,
	KS_FINDING_CODE = 704,
	KS_FINDING_INVENTORY = 706,
	KS_FINDING_REGISTER = 707,
	KS_FINDING_PROCESS = 708,
	KS_FINDING_SENSOR = 709,
};

struct ks_scan {
	struct ks_text *text;
	bool addresses;		/* may be shown */
	/* Of the part that is being looked at. */
	u32 checked;
	u32 findings;
	const char *why;	/* it could not be looked at, or not all of it */
	char said[320];		/* room for why where it has numbers */
	struct ks_owner owner;
};

/* place: of the code that it is about; 0: none. */
__printf(5, 6) void ks_scan_finding(struct ks_scan *scan, enum ks_finding event,
				    const char *what, unsigned long place,
				    const char *where, ...);

/* The parts; all may sleep. */
void ks_scan_syscalls(struct ks_scan *scan);
void ks_scan_idt(struct ks_scan *scan);
void ks_scan_modules(struct ks_scan *scan);
void ks_scan_code(struct ks_scan *scan);
void ks_scan_baseline(struct ks_scan *scan);
void ks_scan_registers(struct ks_scan *scan);
void ks_scan_processes(struct ks_scan *scan);
void ks_scan_fops(struct ks_scan *scan);
void ks_scan_inventory(struct ks_scan *scan);
void ks_scan_sensor(struct ks_scan *scan);

/* What of it the kernel knows, for user space to compare with what it is shown. */
void ks_scan_modules_seen(struct ks_scan *scan);
void ks_scan_processes_seen(struct ks_scan *scan);

/* One part after the other, as JSON; index of the part.  -ENOENT past the last. */
int ks_scan_write(struct ks_text *text, bool addresses, u32 part);

#endif /* KS_SCAN_H */
