// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a session calls a scan of ports: SET_PORT_SCAN.
 */
#include <linux/errno.h>
#include <linux/types.h>
#include "../uapi/ksonde.h"
#include "device.h"
#include "session.h"

#define SET_ALL	(KSONDE_PORT_SCAN_PORTS | KSONDE_PORT_SCAN_HOSTS | \
		 KSONDE_PORT_SCAN_WINDOW | KSONDE_PORT_SCAN_LOOPBACK)

/* What is not set is 0. */
static bool is_between(u32 value, bool set, u32 least, u32 most)
{
	return set ? value >= least && value <= most : !value;
}

long ks_ioctl_port_scan(struct ks_session *session, void __user *argument)
{
	union ks_port_scan wanted = {};
	struct ksonde_port_scan asked;
	int err = ks_ioctl_in(&asked, sizeof(asked), argument);
	u32 set;

	if (err)
		return err;
	set = asked.set;
	if (set & ~SET_ALL ||
	    !is_between(asked.ports, set & KSONDE_PORT_SCAN_PORTS, 2, KSONDE_PORT_SCAN_KEPT) ||
	    !is_between(asked.hosts, set & KSONDE_PORT_SCAN_HOSTS, 0, KSONDE_PORT_SCAN_KEPT) ||
	    !is_between(asked.window, set & KSONDE_PORT_SCAN_WINDOW, 1,
			KSONDE_PORT_SCAN_WINDOW_MAX) ||
	    !is_between(asked.loopback, set & KSONDE_PORT_SCAN_LOOPBACK, 0, 1))
		return -EINVAL;
	wanted.set = set;
	wanted.ports = asked.ports;
	wanted.hosts = asked.hosts;
	wanted.loopback = asked.loopback;
	wanted.window = asked.window;
	ks_session_port_scan(session, wanted);
	return 0;
}
