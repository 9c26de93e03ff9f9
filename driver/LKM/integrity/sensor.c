// SPDX-License-Identifier: GPL-2.0-only
/*
 * ksonde's own probes: is each still where it was put, and does its mechanism
 * still fire.  Only what is armed is asked for.
 */
#include <linux/kernel.h>
#include <linux/types.h>
#include "../compat/uaccess.h"
#include "../engine/canary.h"
#include "../engine/hook.h"
#include "../engine/mechanism.h"
#include "scan.h"

struct sensor_look {
	struct ks_scan *scan;
	const struct ks_mechanism *asked[16];	/* whose canary sang, or did not */
	unsigned int count;
	bool off;		/* functions are not probed any more, and that is said already */
};

/* What switches all of a mechanism off. */
static const struct {
	const char *symbol;
	size_t size;
	u32 off;		/* its value then, not 0 for all others */
	const char *where;
	const char *what;
} sensor_switches[] = {
	{ "ftrace_enabled", sizeof(int), 0, "ftrace", "it was switched off for all" },
	{ "ftrace_disabled", sizeof(int), 1, "ftrace", "it has given up, for all" },
	{ "kprobes_all_disarmed", sizeof(bool), 1, "kprobes", "all of them were disarmed" },
};

static void sensor_look_at_switches(struct sensor_look *look)
{
	unsigned long address;
	unsigned int i;
	u32 value;

	for (i = 0; i < ARRAY_SIZE(sensor_switches); i++) {
		address = ks_symbol(sensor_switches[i].symbol);
		value = 0;
		/* Little-endian, as all that ksonde runs on. */
		if (!address || copy_from_kernel_nofault(&value, (void *)address,
							 sensor_switches[i].size))
			continue;
		look->scan->checked++;
		if (!!value != sensor_switches[i].off)
			continue;
		look->off = true;
		ks_scan_finding(look->scan, KS_FINDING_SENSOR, sensor_switches[i].what, 0, "%s",
				sensor_switches[i].where);
	}
}

static bool sensor_asks(struct sensor_look *look, const struct ks_mechanism *mechanism)
{
	unsigned int i;

	for (i = 0; i < look->count; i++) {
		if (look->asked[i] == mechanism)
			return false;
	}
	if (look->count == ARRAY_SIZE(look->asked))
		return false;
	look->asked[look->count++] = mechanism;
	return true;
}

static void sensor_look_at(const struct ks_mechanism *mechanism, struct ks_hook *hook, void *data)
{
	struct sensor_look *look = data;
	const char *wrong;

	look->scan->checked++;
	if (sensor_asks(look, mechanism) && !ks_canary_sings(mechanism))
		ks_scan_finding(look->scan, KS_FINDING_SENSOR, "its canary was not heard", 0,
				"mechanism %s", mechanism->name);
	if (!mechanism->check || (look->off && mechanism->of_functions))
		return;
	wrong = mechanism->check(hook->attachment);
	if (wrong)
		ks_scan_finding(look->scan, KS_FINDING_SENSOR, wrong, 0, "hook %s (%s %s)",
				hook->name, mechanism->name, hook->taken->target);
}

void ks_scan_sensor(struct ks_scan *scan)
{
	struct sensor_look look = { .scan = scan };

	if (!ks_engine_is_armed()) {
		scan->why = "nothing is armed, as no session is started";
		return;
	}
	sensor_look_at_switches(&look);
	ks_engine_each(sensor_look_at, &look);
}
