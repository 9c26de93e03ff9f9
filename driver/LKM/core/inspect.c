// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctl that looks at the kernel itself.  The text is made in the driver's
 * memory and copied when it is whole.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include "../compat/uaccess.h"
#include "../integrity/code.h"
#include "../integrity/scan.h"
#include "../inventory/inventory.h"
#include "../lsm/lsm.h"
#include "../uapi/ksonde.h"
#include "device.h"
#include "text.h"

/* Of code that is read at once. */
#define INSPECT_PIECE	65536

static DEFINE_MUTEX(inspect_lock);

/* As the kernel itself decides it for its own files (kptr_restrict). */
static bool inspect_shows_addresses(void)
{
	return capable(CAP_SYSLOG) || capable(CAP_SYS_ADMIN);
}

static int inspect_write(const struct ksonde_inspect *inspect, struct ks_text *text)
{
	bool addresses = inspect_shows_addresses();
	int err = -EOPNOTSUPP;

	lockdep_assert_held(&inspect_lock);
	ks_text_add(text, "{\"inspect\":1,\"addresses\":%s,\n", addresses ? "true" : "false");
	if (inspect->what == KSONDE_INSPECT_LSM && !inspect->part)
		err = ks_lsm_write(text, addresses);
	else if (inspect->what == KSONDE_INSPECT_INTEGRITY)
		err = ks_scan_write(text, addresses, inspect->part);
	else if (inspect->what == KSONDE_INSPECT_INVENTORY)
		err = ks_inventory_write(text, addresses, inspect->part);
	else if (inspect->what == KSONDE_INSPECT_LAYOUT && !inspect->part)
		err = addresses ? ks_code_layout(text) : -EPERM;
	else if (inspect->what == KSONDE_INSPECT_PLACE && !inspect->part)
		err = addresses ? ks_code_place(text, inspect->address) : -EPERM;
	ks_text_add(text, "}\n");
	return err;
}

static int inspect_answer(struct ksonde_inspect *inspect)
{
	/* One more for the NUL that vsnprintf() wants to write. */
	struct ks_text text = { .size = (size_t)inspect->length + 1 };
	int err;

	text.buffer = kvmalloc(text.size, GFP_KERNEL);
	if (!text.buffer)
		return -ENOMEM;
	err = inspect_write(inspect, &text);
	if (err)
		goto out_free;
	if (text.length > KSONDE_INSPECT_MAX) {
		err = -EFBIG;
		goto out_free;
	}
	inspect->needed = text.length;
	if (inspect->length < text.length) {
		inspect->length = 0;
		err = -ENOSPC;
		goto out_free;
	}
	inspect->length = text.length;
	if (copy_to_user(u64_to_user_ptr(inspect->buffer), text.buffer, text.length))
		err = -EFAULT;
out_free:
	kvfree(text.buffer);
	return err;
}

/* Bytes, a piece at a time: none of it is kept. */
static int inspect_code(struct ksonde_inspect *inspect)
{
	u8 __user *to = u64_to_user_ptr(inspect->buffer);
	u32 done = 0, piece;
	u8 *bytes;
	int err = 0;

	lockdep_assert_held(&inspect_lock);
	if (!inspect_shows_addresses())
		return -EPERM;
	inspect->needed = ks_code_left(inspect->address);
	inspect->length = min(inspect->length, inspect->needed);
	if (!inspect->needed || inspect->part)
		return inspect->part ? -EINVAL : -EFAULT;
	bytes = kvmalloc(INSPECT_PIECE, GFP_KERNEL);
	if (!bytes)
		return -ENOMEM;
	while (!err && done < inspect->length) {
		piece = min_t(u32, inspect->length - done, INSPECT_PIECE);
		if (!ks_code_read(bytes, inspect->address + done, piece) ||
		    copy_to_user(to + done, bytes, piece))
			err = -EFAULT;
		done += piece;
		cond_resched();
	}
	kvfree(bytes);
	return err;
}

long ks_ioctl_inspect(struct ks_session *session, void __user *argument)
{
	struct ksonde_inspect inspect;
	int err = ks_ioctl_in(&inspect, sizeof(inspect), argument);
	int answer;

	if (err)
		return err;
	if (inspect.reserved)
		return -EINVAL;
	if (inspect.address && inspect.what != KSONDE_INSPECT_CODE &&
	    inspect.what != KSONDE_INSPECT_PLACE)
		return -EINVAL;
	inspect.length = min_t(u32, inspect.length, KSONDE_INSPECT_MAX);
	if (mutex_lock_killable(&inspect_lock))
		return -EINTR;
	answer = inspect.what == KSONDE_INSPECT_CODE ? inspect_code(&inspect) :
						       inspect_answer(&inspect);
	mutex_unlock(&inspect_lock);
	if (answer && answer != -ENOSPC)
		return answer;
	err = ks_ioctl_out(argument, &inspect, sizeof(inspect));
	return err ?: answer;
}
