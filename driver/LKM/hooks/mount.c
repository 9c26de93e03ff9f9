// SPDX-License-Identifier: GPL-2.0-only
/* mount(2), whatever it does; all texts are the kernel's copies. */
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/path.h>
#include <linux/string.h>
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "mount.h"

/* Binary options (of NFS, say) end at their first NUL byte. */
static bool put_text(struct ks_record *record, struct ksonde_ref *ref, const char *text)
{
	if (!text)
		return false;
	ks_record_string(record, ref, text, strnlen(text, PAGE_SIZE));
	return true;
}

static void mount(struct ks_hook *hook, const struct ks_call *call)
{
	struct ks_event_mount *e;
	struct ks_record *record;

	if (!ks_is_wanted(mount))
		return;
	record = ks_record_begin(hook, mount);
	if (!record)
		return;
	e = ks_record_event(record, mount);
	e->kind = KS_MOUNT;
	ks_absent(record, mount, device);
	if (!put_text(record, &e->source, (const char *)call->arg[0]))
		ks_absent(record, mount, source);
	if (!ks_path_put(record, &e->target, (const struct path *)call->arg[1]))
		ks_absent(record, mount, target);
	if (!put_text(record, &e->type, (const char *)call->arg[2]))
		ks_absent(record, mount, type);
	e->flags = call->arg[3];
	if (!put_text(record, &e->options, (const char *)call->arg[4]))
		ks_absent(record, mount, options);
	ks_record_commit(record);
}

static const struct ks_point points[] = {
	KS_FTRACE("security_sb_mount", mount),
	KS_KPROBE("security_sb_mount", mount),
	{}
};

struct ks_hook ks_hook_mount = {
	.name = "mount",
	.event = KS_EV_mount,
	.points = points,
};
