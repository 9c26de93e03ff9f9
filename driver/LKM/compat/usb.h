/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/usb.h>: usbcore may be built in, a module, or not there at all.
 */
#ifndef KS_COMPAT_USB_H
#define KS_COMPAT_USB_H

#include <linux/kconfig.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/usb.h>

#if IS_ENABLED(CONFIG_USB)
#define KS_USB_WORKS	true

/* false: usbcore is not there yet.  Then it stays until ks_usb_part().  May sleep. */
static inline bool ks_usb_join(struct notifier_block *block)
{
	void (*join)(struct notifier_block *block) = symbol_get(usb_register_notify);

	if (!join)
		return false;
	join(block);
	return true;
}

static inline void ks_usb_part(struct notifier_block *block)
{
	void (*part)(struct notifier_block *block) = symbol_get(usb_unregister_notify);

	/* It has been there since ks_usb_join(). */
	if (part) {
		part(block);
		symbol_put(usb_unregister_notify);
	}
	symbol_put(usb_register_notify);
}

/* false: usbcore is not there.  Else it stays until ks_usb_drop().  May sleep. */
static inline bool ks_usb_hold(void)
{
	return symbol_get(usb_register_notify);
}

static inline void ks_usb_drop(void)
{
	symbol_put(usb_register_notify);
}

#else
#define KS_USB_WORKS	false

static inline bool ks_usb_join(struct notifier_block *block)
{
	return false;
}

static inline void ks_usb_part(struct notifier_block *block)
{
}

static inline bool ks_usb_hold(void)
{
	return false;
}

static inline void ks_usb_drop(void)
{
}
#endif

#endif /* KS_COMPAT_USB_H */
