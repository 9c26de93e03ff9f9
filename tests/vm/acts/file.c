// SPDX-License-Identifier: GPL-2.0-only
/* Steps that make files.  Each prints what the file is, if there is one. */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

/* The same numbers everywhere; older headers do not have them. */
#define NR_OPEN_TREE	428
#define NR_MOVE_MOUNT	429
#define NR_FSOPEN	430
#define NR_FSCONFIG	431
#define NR_FSMOUNT	432
#define NR_FSPICK	433

static void say_file(const char *act, long result, const char *path, int dirfd)
{
	char directory[4096];
	struct stat st;
	char *slash;

	say_begin(act, result);
	if (!fstatat(dirfd, path, &st, 0)) {
		say_unsigned("mode", st.st_mode);
		say_unsigned("inode", st.st_ino);
	}
	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (slash)
		slash[1] = 0;
	else
		strcpy(directory, ".");
	if (!fstatat(dirfd, directory, &st, 0))
		say_unsigned("device", major(st.st_dev) << 20 | minor(st.st_dev));
	say_end();
}

/* mode:path, open(O_CREAT | O_WRONLY) */
void step_create(char *value)
{
	char *mode = take_word(&value);
	long fd = result_of(syscall(SYS_open, value, O_CREAT | O_WRONLY,
				    strtoul(mode, NULL, 8)));

	say_file("create", fd, value, AT_FDCWD);
}

/* mode:path, creat(2) */
void step_creat(char *value)
{
	char *mode = take_word(&value);
	long fd = result_of(syscall(SYS_creat, value, strtoul(mode, NULL, 8)));

	say_file("creat", fd, value, AT_FDCWD);
}

/* mode:name:directory, openat(2) from a descriptor of the directory */
void step_openat(char *value)
{
	char *mode = take_word(&value), *name = take_word(&value);
	int dirfd = open(value, O_RDONLY | O_DIRECTORY);
	long fd;

	check(dirfd >= 0, "directory");
	fd = result_of(syscall(SYS_openat, dirfd, name, O_CREAT | O_EXCL | O_RDWR,
			       strtoul(mode, NULL, 8)));
	say_file("openat", fd, name, dirfd);
}

/* mode:path, mknod(2) of a regular file */
void step_mknod(char *value)
{
	char *mode = take_word(&value);
	long result = result_of(syscall(SYS_mknod, value,
					S_IFREG | strtoul(mode, NULL, 8), 0));

	say_file("mknod", result, value, AT_FDCWD);
}

void step_mkdir(char *value)
{
	say_file("mkdir", result_of(mkdir(value, 0755)), value, AT_FDCWD);
}

void step_fifo(char *value)
{
	say_file("fifo", result_of(mkfifo(value, 0644)), value, AT_FDCWD);
}

/* count:prefix: that many files */
void step_creates(char *value)
{
	long count = take_number(&value), done = 0;
	char path[4096];

	for (; done < count; done++) {
		int fd;

		snprintf(path, sizeof(path), "%s%ld", value, done);
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
		check(fd >= 0, path);
		close(fd);
		unlink(path);
	}
	say_begin("creates", done);
	say_end();
}

/* flags:mode:path, open(2) */
void step_open(char *value)
{
	long flags = take_number(&value), mode = take_number(&value);

	say("open", result_of(syscall(SYS_open, value, flags, mode)));
}

/* flags:mode:resolve:path, openat2(2) from the current directory */
void step_openat2(char *value)
{
	struct {
		uint64_t flags, mode, resolve;
	} how;

	how.flags = take_number(&value);
	how.mode = take_number(&value);
	how.resolve = take_number(&value);
	say("openat2", result_of(syscall(437, AT_FDCWD, value, &how, sizeof(how))));
}

/* old:new, rename(2) */
void step_rename(char *value)
{
	char *old = take_word(&value);

	say("rename", result_of(syscall(SYS_rename, old, value)));
}

/* flags:old:new, renameat2(2) */
void step_renameat2(char *value)
{
	long flags = take_number(&value);
	char *old = take_word(&value);

	say("renameat2", result_of(syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, value, flags)));
}

/* old:new, link(2) */
void step_link(char *value)
{
	char *old = take_word(&value);

	say("link", result_of(syscall(SYS_link, old, value)));
}

/* target:new, symlink(2) */
void step_symlink(char *value)
{
	char *target = take_word(&value);

	say("symlink", result_of(syscall(SYS_symlink, target, value)));
}

/* mode:path, chmod(2) */
void step_chmod(char *value)
{
	char *mode = take_word(&value);

	say("chmod", result_of(syscall(SYS_chmod, value, strtoul(mode, NULL, 8))));
}

/* mode:path, fchmod(2) */
void step_fchmod(char *value)
{
	char *mode = take_word(&value);
	int fd = open(value, O_RDONLY);

	check(fd >= 0, value);
	say("fchmod", result_of(syscall(SYS_fchmod, fd, strtoul(mode, NULL, 8))));
	close(fd);
}

/* source:type:flags:options:target, mount(2); what is empty is not given */
void step_mount(char *value)
{
	char *source = take_word(&value), *type = take_word(&value);
	unsigned long flags = take_number(&value);
	char *options = take_word(&value);

	say("mount", result_of(syscall(SYS_mount, *source ? source : NULL, value, *type ? type : NULL,
				       flags, *options ? options : NULL)));
}

/* type:key=value,key,...:attributes:target: fsopen(2), fsconfig(2) of each, fsmount(2), move_mount(2) */
void step_newmount(char *value)
{
	char *type = take_word(&value), *options = take_word(&value), *text;
	long attributes = take_number(&value);
	int context = syscall(NR_FSOPEN, type, 0), mount;

	check(context >= 0, type);
	while ((text = strsep(&options, ","))) {
		char *key = strsep(&text, "=");

		check(!syscall(NR_FSCONFIG, context, text ? 1 : 0, key, text, 0), key);
	}
	check(!syscall(NR_FSCONFIG, context, 6, NULL, NULL, 0), "FSCONFIG_CMD_CREATE");
	mount = syscall(NR_FSMOUNT, context, 0, attributes);
	check(mount >= 0, "fsmount");
	say("newmount", result_of(syscall(NR_MOVE_MOUNT, mount, "", AT_FDCWD, value, 4)));
	close(context);
	close(mount);
}

/* path: fspick(2) of a mount, its file system becomes read-only */
void step_readonly(char *value)
{
	int context = syscall(NR_FSPICK, AT_FDCWD, value, 0);

	check(context >= 0, value);
	check(!syscall(NR_FSCONFIG, context, 0, "ro", NULL, 0), "ro");
	say("readonly", result_of(syscall(NR_FSCONFIG, context, 7, NULL, NULL, 0)));
	close(context);
}

/* flags:path:target: open_tree(2), then move_mount(2) unless there is no target */
void step_opentree(char *value)
{
	long flags = take_number(&value);
	char *path = take_word(&value);
	long tree = result_of(syscall(NR_OPEN_TREE, AT_FDCWD, path, flags));

	say("opentree", tree);
	if (*value)
		check(!syscall(NR_MOVE_MOUNT, tree, "", AT_FDCWD, value, 4), value);
	close(tree);
}

/* from:to: move_mount(2) */
void step_movemount(char *value)
{
	char *from = take_word(&value);

	say("movemount", result_of(syscall(NR_MOVE_MOUNT, AT_FDCWD, from, AT_FDCWD, value, 0)));
}

/* a security module (Landlock) refuses all removals from now on */
void step_keepfiles(char *value)
{
	/* LANDLOCK_ACCESS_FS_REMOVE_DIR, LANDLOCK_ACCESS_FS_REMOVE_FILE */
	uint64_t handled = 1 << 4 | 1 << 5;
	int rules = syscall(444, &handled, sizeof(handled), 0);

	(void)value;
	check(rules >= 0, "landlock_create_ruleset");
	check(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	check(!syscall(446, rules, 0), "landlock_restrict_self");
	close(rules);
}

/* path, unlink(2) */
void step_unlink(char *value)
{
	say("unlink", result_of(syscall(SYS_unlink, value)));
}

/* flags:name:directory, unlinkat(2) from a descriptor of the directory */
void step_unlinkat(char *value)
{
	long flags = take_number(&value);
	char *name = take_word(&value);
	int dirfd = open(value, O_RDONLY | O_DIRECTORY);

	check(dirfd >= 0, value);
	say("unlinkat", result_of(syscall(SYS_unlinkat, dirfd, name, flags)));
	close(dirfd);
}

/* path, rmdir(2) */
void step_rmdir(char *value)
{
	say("rmdir", result_of(syscall(SYS_rmdir, value)));
}

static int opened(const char *path, int flags)
{
	int fd = open(path, flags);

	check(fd >= 0, path);
	return fd;
}

/* flags:path:text, write(2) */
void step_write(char *value)
{
	int flags = take_number(&value);
	int fd = opened(take_word(&value), O_WRONLY | flags);

	say("write", result_of(syscall(SYS_write, fd, value, strlen(value))));
	close(fd);
}

/* offset:path:text, pwrite64(2) */
void step_pwrite(char *value)
{
	long long offset = take_number(&value);
	int fd = opened(take_word(&value), O_WRONLY | O_LARGEFILE);

	say("pwrite", result_of(pwrite64(fd, value, strlen(value), offset)));
	close(fd);
}

/* path:one:two, writev(2) */
void step_writev(char *value)
{
	int fd = opened(take_word(&value), O_WRONLY);
	char *one = take_word(&value);
	struct iovec parts[] = { { one, strlen(one) }, { value, strlen(value) } };

	say("writev", result_of(syscall(SYS_writev, fd, parts, 2)));
	close(fd);
}

/* from:to, sendfile(2) of all of it */
void step_sendfile(char *value)
{
	int from = opened(take_word(&value), O_RDONLY), to = opened(value, O_WRONLY);

	say("sendfile", result_of(syscall(SYS_sendfile, to, from, NULL, 1 << 20)));
	close(from);
	close(to);
}

/* count:path, write(2) from where there is no memory */
void step_badwrite(char *value)
{
	long count = take_number(&value);
	int fd = opened(value, O_WRONLY);

	say("badwrite", result_of(syscall(SYS_write, fd, 16, count)));
	close(fd);
}
