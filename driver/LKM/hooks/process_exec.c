// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program was executed: the cache learns it, and execve is recorded.
 *
 * The flag KSONDE_F_COMPAT tells of what the program is: which call it was
 * executed by is forgotten by now.
 */
#include <linux/binfmts.h>
#include <linux/cred.h>
#include <linux/magic.h>
#include <linux/mm_types.h>
#include <linux/personality.h>
#include <linux/uidgid.h>
#include "../compat/capability.h"
#include "../compat/fs.h"
#include "../compat/overlayfs.h"
#include "../engine/hook.h"
#include "execve.h"

enum {
	FILE_TMPFS = 1,
	FILE_MEMFD = 2,
	FILE_UPPER = 4,
	FILE_DELETED = 8,
	FILE_OVERLAY = 16,
};

/* Without the execute bit for the group set-group-ID means something else. */
#define SETGID	(S_ISGID | 0010)

enum {
	ELEVATION_UID = 1,
	ELEVATION_GID = 2,
	ELEVATION_CAPS = 4,
};

/* memfd_create(2) names its files so, on a mount that no one else can reach. */
static bool is_memfd(const struct file *file)
{
	return file->f_path.mnt->mnt_flags & MNT_INTERNAL &&
	       !strncmp(file->f_path.dentry->d_name.name, "memfd:", 6);
}

static u32 file_flags(const struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;
	u32 flags = 0;

	switch (dentry->d_sb->s_magic) {
	case TMPFS_MAGIC:
		flags = is_memfd(file) ? FILE_TMPFS | FILE_MEMFD : FILE_TMPFS;
		break;
	case RAMFS_MAGIC:
		flags = FILE_TMPFS;
		break;
	case OVERLAYFS_SUPER_MAGIC:
		flags = FILE_OVERLAY;
		if (ks_overlay_is_upper(dentry))
			flags |= FILE_UPPER;
		break;
	}
	if (d_unlinked(dentry))
		flags |= FILE_DELETED;
	return flags;
}

/*
 * The credentials from before are gone.  The kernel sets PER_CLEAR_ON_SETID
 * when it took a set-id bit into account or permitted capabilities grew, so
 * no mount option, no_new_privs or tracer has to be asked for again.  A
 * set-id bit counts when the program runs with an id that its user does not
 * have.  Who is not root has capabilities beyond the ambient ones from the
 * file only.
 */
static u32 elevation(const struct linux_binprm *bprm)
{
	umode_t mode = file_inode(bprm->file)->i_mode;
	const struct cred *cred = current_cred();
	kuid_t root = make_kuid(cred->user_ns, 0);
	u32 how = 0;

	if (bprm->per_clear & PER_CLEAR_ON_SETID) {
		if (mode & S_ISUID && !uid_eq(cred->euid, cred->uid))
			how |= ELEVATION_UID;
		if ((mode & SETGID) == SETGID && !gid_eq(cred->egid, cred->gid))
			how |= ELEVATION_GID;
	}
	if (!uid_eq(cred->uid, root) && !uid_eq(cred->euid, root) &&
	    ks_cap_bits(cred->cap_permitted) & ~ks_cap_bits(cred->cap_ambient))
		how |= ELEVATION_CAPS;
	return how;
}

static void put_vectors(struct ks_record *record, struct ks_event_execve *e,
			const struct linux_binprm *bprm)
{
	const struct mm_struct *mm = current->mm;
	unsigned long value[KS_VARIABLES];

	e->argc = bprm->argc;
	e->argv_bytes = mm->arg_end - mm->arg_start;
	ks_user_block(record, &e->argv, mm->arg_start, e->argv_bytes);
	ks_user_environment(record, mm->env_start, mm->env_end, value);
	ks_execve_environment(record, e, value);
}

static void record_exec(struct ks_hook *hook, const struct linux_binprm *bprm)
{
	const struct inode *inode = file_inode(bprm->file);
	struct ks_event_execve *e;
	struct ks_record *record;

	record = ks_record_begin(hook, execve);
	if (!record)
		return;
	e = ks_record_event(record, execve);
	/* First, so that no long argument crowds them out. */
	ks_context_ancestors(record, &e->ancestors);
	ks_record_string(record, &e->filename, bprm->filename, strlen(bprm->filename));
	if (bprm->interp != bprm->filename)
		ks_record_string(record, &e->interpreter, bprm->interp, strlen(bprm->interp));
	else
		ks_absent(record, execve, interpreter);
	put_vectors(record, e, bprm);
	ks_execve_surroundings(record, e);
	e->inode = inode->i_ino;
	e->device = inode->i_sb->s_dev;
	e->mtime = ks_inode_mtime(inode);
	e->file_flags = file_flags(bprm->file);
	ks_path_flag(record, &bprm->file->f_path);
	e->elevation = elevation(bprm);
	ks_record_commit(record);
}

static void process_exec(void *data, struct task_struct *task, pid_t old_pid,
			 struct linux_binprm *bprm)
{
	struct ks_hook *hook = data;
	u64 token = ks_hook_enter(hook);

	ks_process_executed(task, &bprm->file->f_path);
	if (ks_is_wanted(execve))
		record_exec(hook, bprm);
	ks_hook_leave(hook, token);
}

static const struct ks_point points[] = {
	KS_TRACEPOINT("sched_process_exec", process_exec),
	{}
};

struct ks_hook ks_hook_process_exec = {
	.name = "process_exec",
	.event = KS_EV_execve,
	.always = true,
	.points = points,
};
