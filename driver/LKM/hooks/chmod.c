// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file is to become executable, set-user-ID or set-group-ID, which it was
 * not: by chmod(2) and its kin.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/path.h>
#include <linux/stat.h>
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

#define RISKY	06111	/* S_ISUID, S_ISGID, and who may execute it */

struct changing {
	const struct path *path;	/* the caller's: there until the return */
	umode_t old;
	umode_t new;
};

static bool begin(struct changing *changing, const struct ks_call *call)
{
	changing->path = (const struct path *)call->arg[0];
	changing->old = READ_ONCE(d_backing_inode(changing->path->dentry)->i_mode);
	changing->new = call->arg[1];
	return changing->new & ~changing->old & RISKY;
}

static bool enter(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	return ks_is_wanted(chmod) && begin(data, call);
}

static struct ks_record *record_chmod(struct ks_hook *hook, const struct changing *changing)
{
	struct ks_record *record = ks_record_begin(hook, chmod);
	struct ks_event_chmod *e;

	if (!record)
		return NULL;
	e = ks_record_event(record, chmod);
	e->old_mode = changing->old;
	e->mode = changing->new & S_IALLUGO;
	if (!ks_path_put(record, &e->path, changing->path))
		ks_absent(record, chmod, path);
	return record;
}

static void leave(struct ks_hook *hook, long ret, void *data)
{
	struct ks_record *record = record_chmod(hook, data);

	if (!record)
		return;
	ks_record_event(record, chmod)->result = (int)ret;
	ks_record_commit(record);
}

static void asked(struct ks_hook *hook, const struct ks_call *call)
{
	struct changing changing;
	struct ks_record *record;

	if (!ks_is_wanted(chmod) || !begin(&changing, call))
		return;
	record = record_chmod(hook, &changing);
	if (!record)
		return;
	ks_absent(record, chmod, result);
	ks_record_commit(record);
}

/* The first one may be inlined; the others see no result. */
static const struct ks_point points[] = {
	KS_KRETPROBE("chmod_common", enter, leave, sizeof(struct changing)),
	KS_FTRACE("security_path_chmod", asked),
	KS_KPROBE("security_path_chmod", asked),
	{}
};

struct ks_hook ks_hook_chmod = {
	.name = "chmod",
	.event = KS_EV_chmod,
	.points = points,
};
