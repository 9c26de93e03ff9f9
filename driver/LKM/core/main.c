// SPDX-License-Identifier: GPL-2.0-only
/*
 * ksonde: what is made when, and unmade in the exact reverse.  Nothing is
 * armed here: sessions do that.
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "../context/context.h"
#include "../engine/hook.h"
#include "../integrity/baseline.h"
#include "device.h"

/* More than COMMAND_LINE_SIZE: a boot configuration adds to the line. */
#define KS_COMMAND_LINE_MAX	16384

/* ksonde=off on the kernel command line: a way back for who cannot boot with it. */
static bool __init ksonde_is_off(void)
{
	char *line, *rest, *word;
	struct file *file;
	bool off = false;
	ssize_t length;
	loff_t at = 0;

	file = filp_open("/proc/cmdline", O_RDONLY, 0);
	if (IS_ERR(file)) {
		pr_warn("/proc/cmdline is not there: nobody looked for ksonde=off\n");
		return false;
	}
	line = kzalloc(KS_COMMAND_LINE_MAX + 1, GFP_KERNEL);
	if (!line)
		goto out_close;
	length = kernel_read(file, line, KS_COMMAND_LINE_MAX, &at);
	rest = length > 0 ? strim(line) : NULL;
	while ((word = strsep(&rest, " ")))
		off |= !strcmp(word, "ksonde=off");
	kfree(line);
out_close:
	filp_close(file, NULL);
	return off;
}

static int __init ksonde_init(void)
{
	int err;

	if (ksonde_is_off()) {
		pr_info("not loaded: the kernel command line says ksonde=off\n");
		return -EPERM;
	}
	err = ks_engine_init();
	if (err)
		return err;
	ks_path_init();
	err = ks_ioctl_init();
	if (err)
		goto err_engine;
	err = ks_device_init();
	if (err)
		goto err_ioctl;
	ks_baseline_begin();
	pr_info("version " KSONDE_VERSION ", %u hooks, none armed\n", ks_engine_hooks());
	return 0;

err_ioctl:
	ks_ioctl_uninit();
err_engine:
	ks_engine_uninit();
	return err;
}

static void __exit ksonde_exit(void)
{
	ks_device_uninit();
	ks_baseline_end();
	ks_ioctl_uninit();
	ks_engine_uninit();
}

module_init(ksonde_init);
module_exit(ksonde_exit);

MODULE_DESCRIPTION("Host security sensor: kernel side");
MODULE_AUTHOR("The ksonde developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(KSONDE_VERSION);
