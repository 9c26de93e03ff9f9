// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parts of a scan.  Each is asked for by its number, so that who asks can
 * say how far it is, and no call takes long.
 */
#include <linux/slab.h>
#include "../compat/mm.h"
#include "../compat/stdarg.h"
#include "../core/text.h"
#include "scan.h"

static const struct {
	const char *name;
	void (*look)(struct ks_scan *scan);
	void (*seen)(struct ks_scan *scan);	/* NULL: nothing to compare */
} scan_parts[] = {
	{ "syscalls", ks_scan_syscalls },
	{ "idt", ks_scan_idt },
	{ "modules", ks_scan_modules, ks_scan_modules_seen },
	{ "entries", ks_scan_code },
	{ "baseline", ks_scan_baseline },
	{ "registers", ks_scan_registers },
	{ "processes", ks_scan_processes, ks_scan_processes_seen },
	{ "fops", ks_scan_fops },
	{ "inventory", ks_scan_inventory },
	{ "sensor", ks_scan_sensor },
};

void ks_scan_finding(struct ks_scan *scan, enum ks_finding event, const char *what,
		     unsigned long place, const char *where, ...)
{
	char name[96];
	va_list args;

	va_start(args, where);
	vsnprintf(name, sizeof(name), where, args);
	va_end(args);
	ks_text_add(scan->text, "%s\n {\"event\":%u,\"where\":", scan->findings ? "," : "", event);
	scan->findings++;
	ks_text_string(scan->text, name);
	ks_text_add(scan->text, ",\"what\":");
	ks_text_string(scan->text, what);
	ks_text_add(scan->text, ",\"place\":");
	if (place)
		ks_owner_write(scan->text, &scan->owner, place, scan->addresses);
	else
		ks_text_add(scan->text, "null");
	ks_text_add(scan->text, "}");
}

int ks_scan_write(struct ks_text *text, bool addresses, u32 part)
{
	struct ks_scan *scan;

	if (part >= ARRAY_SIZE(scan_parts))
		return -ENOENT;
	scan = kvzalloc(sizeof(*scan), GFP_KERNEL);
	if (!scan)
		return -ENOMEM;
	scan->text = text;
	scan->addresses = addresses;
	ks_text_add(text, "\"part\":\"%s\",\"parts\":%zu,\n\"findings\":[", scan_parts[part].name,
		    ARRAY_SIZE(scan_parts));
	scan_parts[part].look(scan);
	if (scan_parts[part].seen) {
		ks_text_add(text, "],\n\"seen\":[");
		scan_parts[part].seen(scan);
	}
	ks_text_add(text, "],\n\"checked\":%u,\"why\":", scan->checked);
	ks_text_string(text, scan->why ?: "");
	kvfree(scan);
	return 0;
}
