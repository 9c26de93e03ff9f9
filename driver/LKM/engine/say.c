// SPDX-License-Identifier: GPL-2.0-only
/*
 * What became of a hook's candidates, in words; and the hooks that whoever
 * loads the module wants to have left out.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include "mechanism.h"

static char *avoid = "";
module_param(avoid, charp, 0444);
MODULE_PARM_DESC(avoid, "hooks that are never armed: their names, with commas between them");

void ks_hook_say(struct ks_hook *hook, const char *mechanism, const char *target, int err)
{
	size_t used = strlen(hook->detail);
	const char *why;

	switch (err) {
	case 0:
		why = "taken";
		break;
	case -ENOENT:
		why = "this kernel has no such point";
		break;
	case -EOPNOTSUPP:
		why = "this kernel was built without it";
		break;
	case -EBUSY:
		why = "somebody else is where only one can be";
		break;
	case -EINVAL:
		why = "the kernel refuses a probe there";
		break;
	default:
		why = "failed";
	}
	used += scnprintf(hook->detail + used, sizeof(hook->detail) - used, "%s %s: %s",
			  mechanism, target, why);
	if (err)
		used += scnprintf(hook->detail + used, sizeof(hook->detail) - used, " (%d)", err);
	scnprintf(hook->detail + used, sizeof(hook->detail) - used, "\n");
}

static bool is_called(const struct ks_hook *hook, const char *name, size_t length)
{
	return strlen(hook->name) == length && !memcmp(hook->name, name, length);
}

bool ks_hook_is_avoided(const struct ks_hook *hook)
{
	const char *name = avoid;
	size_t length;

	for (; *name; name += length + (name[length] == ',')) {
		length = strcspn(name, ",");
		if (is_called(hook, name, length))
			return true;
	}
	return false;
}

bool ks_avoid_is_known(void)
{
	struct ks_hook * const *hook;
	const char *name = avoid;
	size_t length;

	for (; *name; name += length + (name[length] == ',')) {
		length = strcspn(name, ",");
		for (hook = ks_hooks; *hook && !is_called(*hook, name, length); hook++)
			;
		if (!*hook) {
			pr_err("avoid=%s: there is no hook %.*s\n", avoid, (int)length, name);
			return false;
		}
	}
	return true;
}
