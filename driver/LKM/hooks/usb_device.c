// SPDX-License-Identifier: GPL-2.0-only
/*
 * USB devices come and go, as usbcore tells whoever wants to know: when one has
 * a driver and, if that wants it, a configuration; and when the driver lets go
 * of it.  When it is unplugged its interfaces have gone before it.
 */
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/string.h>
#include "../compat/usb.h"
#include "../core/record.h"
#include "../engine/hook.h"

/* Six digits and a NUL. */
#define INTERFACE_BYTES	7

static bool put_text(struct ks_record *record, struct ksonde_ref *ref, const char *text)
{
	if (text)
		ks_record_text(record, ref, text);
	return text;
}

/* From the end: kobject_get_path() needs memory.  Parents stay as long as their children do. */
static bool put_path(struct ks_record *record, struct ksonde_ref *ref, const struct kobject *object)
{
	size_t size = KSONDE_STRING_MAX, left, length;
	char *room = ks_record_room(record, &size);
	const char *name;

	if (!room)
		return false;
	for (left = size; object; object = object->parent) {
		name = kobject_name(object);
		length = name ? strlen(name) : 0;
		if (!length || length + 1 > left)
			return false;
		left -= length;
		memcpy(room + left, name, length);
		room[--left] = '/';
	}
	memmove(room, room + left, size - left);
	ks_record_keep(record, ref, room, size - left);
	return true;
}

/* The device's lock is held. */
static void put_interfaces(struct ks_record *record, struct ksonde_ref *ref,
			   const struct usb_host_config *config)
{
	const unsigned int most = min_t(unsigned int, config->desc.bNumInterfaces,
					USB_MAXINTERFACES);
	size_t size = most * INTERFACE_BYTES, used = 0;
	const struct usb_interface_descriptor *about;
	char *room = ks_record_room(record, &size);
	unsigned int i;

	for (i = 0; i < most && used + INTERFACE_BYTES <= size; i++) {
		if (!config->interface[i] || !config->interface[i]->cur_altsetting)
			continue;
		about = &config->interface[i]->cur_altsetting->desc;
		snprintf(room + used, INTERFACE_BYTES, "%02x%02x%02x", about->bInterfaceClass,
			 about->bInterfaceSubClass, about->bInterfaceProtocol);
		used += INTERFACE_BYTES;
	}
	if (used)
		ks_record_keep(record, ref, room, used);
}

static void put_facts(struct ks_record *record, struct ks_event_usb_device *e,
		      const struct usb_device *device)
{
	e->vendor_id = le16_to_cpu(device->descriptor.idVendor);
	e->product_id = le16_to_cpu(device->descriptor.idProduct);
	e->device_class = device->descriptor.bDeviceClass;
	e->bus = device->bus->busnum;
	e->number = device->devnum;
	if (!put_text(record, &e->product, device->product))
		ks_absent(record, usb_device, product);
	if (!put_text(record, &e->manufacturer, device->manufacturer))
		ks_absent(record, usb_device, manufacturer);
	if (!put_text(record, &e->serial, device->serial))
		ks_absent(record, usb_device, serial);
	if (!put_path(record, &e->device_path, &device->dev.kobj))
		ks_absent(record, usb_device, device_path);
	if (device->actconfig) {
		e->configuration = device->actconfig->desc.bConfigurationValue;
		put_interfaces(record, &e->interfaces, device->actconfig);
	} else {
		ks_absent(record, usb_device, configuration);
		ks_absent(record, usb_device, interfaces);
	}
}

static void notify(struct ks_hook *hook, unsigned long action, void *what)
{
	struct ks_event_usb_device *e;
	struct ks_record *record;

	if (!ks_is_wanted(usb_device) ||
	    (action != USB_DEVICE_ADD && action != USB_DEVICE_REMOVE))
		return;
	record = ks_record_begin(hook, usb_device);
	if (!record)
		return;
	e = ks_record_event(record, usb_device);
	e->action = action;
	put_facts(record, e, what);
	ks_record_commit(record);
}

/* Only one candidate: what else tells of devices is in the same module, which may come later. */
static const struct ks_point points[] = {
	KS_NOTIFIER("usb", notify),
	{}
};

struct ks_hook ks_hook_usb_device = {
	.name = "usb_device",
	.event = KS_EV_usb_device,
	.points = points,
};
