// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine has a controller with a device; the kernel's modules for it, if
 * it has modules for it, are loaded.  Then the driver lets go of the device,
 * and takes it again.  Not of the hub: with 7.3 that never came to an end here,
 * a worker of the kernel held its lock; why is not known.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "smoke.h"

#define MODULES		"/modules/"
#define DEVICES		"/sys/bus/usb/devices/"
#define DRIVER		"/sys/bus/usb/drivers/usb/"
#define NAME		32
#define QEMU		0x0627
#define TRIES		300	/* of 100 ms: hubs take their time, emulated ones more */

/* How many. */
static int load_modules(void)
{
	struct dirent **found;
	int count = scandir(MODULES, &found, NULL, alphasort), i, loaded = 0;
	char path[PATH_MAX];
	long err;

	for (i = 0; i < count; i++) {
		if (found[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), MODULES "%s", found[i]->d_name);
			err = load_module(path, "");
			if (err)
				say("note %s: %s", path, strerror(-err));
			loaded++;
		}
		free(found[i]);
	}
	if (count >= 0)
		free(found);
	return loaded;
}

/* Without its newline; "" where there is none. */
static const char *text_of(const char *device, const char *name, char *to, size_t room)
{
	char path[PATH_MAX];
	ssize_t got = -1;
	int file;

	snprintf(path, sizeof(path), DEVICES "%s/%s", device, name);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file >= 0) {
		got = read(file, to, room - 1);
		close(file);
	}
	to[got > 0 ? got : 0] = '\0';
	to[strcspn(to, "\n")] = '\0';
	return to;
}

static unsigned long number_of(const char *device, const char *name, int base)
{
	char text[64];

	return strtoul(text_of(device, name, text, sizeof(text)), NULL, base);
}

/* QEMU's device, when it has a configuration: then its driver has told of it. */
static bool find_device(char name[NAME])
{
	DIR *folder = opendir(DEVICES);
	bool found = false;
	struct dirent *one;
	char text[64];

	while (folder && !found && (one = readdir(folder))) {
		found = !strchr(one->d_name, ':') && number_of(one->d_name, "idVendor", 16) == QEMU &&
			*text_of(one->d_name, "bConfigurationValue", text, sizeof(text));
		if (found)
			snprintf(name, NAME, "%.*s", NAME - 1, one->d_name);
	}
	if (folder)
		closedir(folder);
	return found;
}

static bool wait_for_device(char name[NAME])
{
	int i;

	for (i = 0; i < TRIES && !find_device(name); i++)
		usleep(100000);
	return i < TRIES;
}

/* All that the record has, as sysfs knows it.  "usb1" has "1-0:1.0", "1-1" has "1-1:1.0". */
static void say_device(const char *what, const char *name)
{
	char link[PATH_MAX], path[PATH_MAX], interface[64], text[3][128], kind[3][8];
	bool hub = !strncmp(name, "usb", 3);

	snprintf(link, sizeof(link), DEVICES "%s", name);
	if (!realpath(link, path))
		die(link);
	snprintf(interface, sizeof(interface), "%s%s:1.0", hub ? name + 3 : name, hub ? "-0" : "");
	text_of(interface, "bInterfaceClass", kind[0], sizeof(kind[0]));
	text_of(interface, "bInterfaceSubClass", kind[1], sizeof(kind[1]));
	text_of(interface, "bInterfaceProtocol", kind[2], sizeof(kind[2]));
	say("act %s {\"vendor_id\": %lu, \"product_id\": %lu, \"device_class\": %lu, \"bus\": %lu, "
	    "\"number\": %lu, \"configuration\": %lu, \"product\": \"%s\", \"manufacturer\": \"%s\", "
	    "\"serial\": \"%s\", \"device_path\": \"%s\", \"interfaces\": [\"%s%s%s\"]}", what,
	    number_of(name, "idVendor", 16), number_of(name, "idProduct", 16),
	    number_of(name, "bDeviceClass", 16), number_of(name, "busnum", 10),
	    number_of(name, "devnum", 10), number_of(name, "bConfigurationValue", 10),
	    text_of(name, "product", text[0], sizeof(text[0])),
	    text_of(name, "manufacturer", text[1], sizeof(text[1])),
	    text_of(name, "serial", text[2], sizeof(text[2])), path + strlen("/sys"), kind[0], kind[1],
	    kind[2]);
}

static int tell(const char *file, const char *word)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, word, strlen(word)) < 0)
		err = errno;
	close(fd);
	return err;
}

void acts_usb(void)
{
	char name[NAME], hub[NAME + 3] = "usb";
	int loaded = load_modules(), unbound, bound;

	if (access(DEVICES, X_OK)) {
		say("act usb {\"skipped\": \"this kernel has no USB\"}");
		return;
	}
	if (!wait_for_device(name)) {
		say("act usb {\"skipped\": \"no device has come\"}");
		return;
	}
	strncat(hub, name, strcspn(name, "-"));
	say_device("usb_hub", hub);
	say_device("usb_device", name);
	unbound = tell(DRIVER "unbind", name);
	bound = tell(DRIVER "bind", name);
	say_device("usb_device_again", name);
	say("act usb {\"tgid\": %d, \"modules\": %d, \"unbind\": %d, \"bind\": %d}", getpid(), loaded,
	    unbound, bound);
}
