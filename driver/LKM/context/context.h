/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who did it.  All of these run with preemption off, in any context but NMI,
 * for the current task, unless said otherwise; none of them sleeps or waits
 * for a lock (a lock is tried, and what it guards is absent when that fails).
 */
#ifndef KS_CONTEXT_H
#define KS_CONTEXT_H

#include <linux/types.h>
#include "../compat/sched.h"
#include "../core/record.h"

struct file;
struct files_struct;
struct path;
struct sock;
struct task_struct;

/* process.c: the processes there are. */

/* Fills the cache from the tasks there are; may sleep.  -ENOMEM. */
int ks_process_start(void);
/* Frees it; no probe may run any more.  May sleep. */
void ks_process_stop(void);
u64 ks_process_cache_bytes(void);
u64 ks_process_cache_misses(void);

/* The lifecycle, called by the hooks of fork, exec and exit. */
void ks_process_forked(struct task_struct *child);
void ks_process_executed(struct task_struct *task, const struct path *exe);
/* true for exactly one caller per process: it is the one that ends it. */
bool ks_process_exited(struct task_struct *task);

/*
 * Sessions (a bit each) in whose followed tree the current process is;
 * children inherit it.  ks_process_follow: the process tgid becomes the root
 * of session's tree (or no longer any).  -ESRCH.  May sleep.
 */
u32 ks_process_trees(void);
/* The leader of process tgid, NULL: there is none.  Under rcu_read_lock(), of any task. */
struct task_struct *ks_process_find(u32 tgid);
int ks_process_follow(u32 tgid, u32 session);
void ks_process_unfollow(u32 session);

/* The process identity of a task: start of its thread group, CLOCK_BOOTTIME ns. */
static inline u64 ks_process_start_time(const struct task_struct *task)
{
	return ks_start_boottime(task->group_leader);
}

/* Another process than the current one. */
struct ks_identity {
	u32 tgid;
	u64 start_time;		/* CLOCK_BOOTTIME, ns */
};

void ks_process_identify(const struct task_struct *task, struct ks_identity *out);
/* The process of the task that the current one knows as pid; false: there is none. */
bool ks_process_by_pid(int pid, struct ks_identity *out);
/* Appends its executable, from the cache only; false: absent. */
bool ks_process_put_exe_of(struct ks_record *record, struct ksonde_ref *ref,
			   const struct ks_identity *process);

/*
 * Appends the executable of the current process, of which the cache has none (cached
 * is 0), or which it does not know (-1), to its context block.
 */
void ks_process_put_exe(struct ks_record *record, struct ksonde_ref *ref,
			u64 start_time, int cached);

/*
 * The same to a buffer of KS_EXE_MAX bytes (cache.h): its length, 0: it has
 * none, -1: it cannot be had, or is longer.
 */
int ks_process_exe(char *exe);

/* identity.c: the context block. */

/* Fills the context block and its strings; called by ks_record_begin(). */
void ks_context_fill(struct ks_record *record, struct ks_context *context);

/* Appends the ancestors of the current process to a list. */
void ks_context_ancestors(struct ks_record *record, struct ksonde_ref *ref);

/* path.c */

void ks_path_init(void);
enum ks_path_of {
	KS_PATH_PLAIN,
	/*
	 * What the event is about: the record is flagged when that is outside of
	 * the process's root, deleted, or on an overlay.
	 */
	KS_PATH_FLAGGED,
	/* What it removes: whether a flag says so would depend on who has it open. */
	KS_PATH_REMOVED,
};

/* Appends an absolute path; false: absent. */
bool ks_path_put_of(struct ks_record *record, struct ksonde_ref *ref, const struct path *path,
		    enum ks_path_of of);

static inline bool ks_path_put_plain(struct ks_record *record, struct ksonde_ref *ref,
				     const struct path *path)
{
	return ks_path_put_of(record, ref, path, KS_PATH_PLAIN);
}

static inline bool ks_path_put(struct ks_record *record, struct ksonde_ref *ref,
			       const struct path *path)
{
	return ks_path_put_of(record, ref, path, KS_PATH_FLAGGED);
}

static inline bool ks_path_put_removed(struct ks_record *record, struct ksonde_ref *ref,
				       const struct path *path)
{
	return ks_path_put_of(record, ref, path, KS_PATH_REMOVED);
}

/* What a descriptor of the current task leads to. */
bool ks_path_put_fd_plain(struct ks_record *record, struct ksonde_ref *ref, int fd);
bool ks_path_put_fd(struct ks_record *record, struct ksonde_ref *ref, int fd);
bool ks_path_put_cwd(struct ks_record *record, struct ksonde_ref *ref);
/* place.c: only the flags. */
void ks_path_flag(struct ks_record *record, const struct path *path);
/* To a buffer of size bytes: the begin inside it, or NULL. */
char *ks_path_format(const struct path *path, char *buffer, size_t size);

/* walk.c */
void ks_walk_init(void);
/* What compat/mount.h says of the kernel's private struct was seen to be so. */
extern bool ks_knows_mounts;

/* user.c: memory of the current process; what is paged out is not there. */

/* Bytes copied, fewer than length where a page is missing. */
size_t ks_user_copy(void *to, unsigned long from, size_t length);
/* Appends the string at address; false: absent. */
bool ks_user_string(struct ks_record *record, struct ksonde_ref *ref,
		    unsigned long address);
/* Appends length bytes at address, at most KSONDE_VECTOR_MAX. */
void ks_user_block(struct ks_record *record, struct ksonde_ref *ref,
		   unsigned long address, size_t length);

struct ks_vector {
	u32 count;
	u32 bytes;
	bool whole;	/* all elements were counted */
};

/* Appends what an array of pointers to strings points to, at most KSONDE_VECTOR_MAX. */
bool ks_user_vector(struct ks_record *record, struct ksonde_ref *ref,
		    unsigned long address, bool compat, struct ks_vector *out);

enum {
	KS_SSH_CONNECTION,
	KS_LD_PRELOAD,
	KS_LD_LIBRARY_PATH,
	KS_VARIABLES
};

/* User addresses of the variables' values, 0 where there is none. */
void ks_user_environment(struct ks_record *record, unsigned long begin,
			 unsigned long end, unsigned long value[KS_VARIABLES]);
/* The same in an array of pointers to variables; false: some could not be looked at. */
bool ks_user_environment_array(unsigned long address, bool compat,
			       unsigned long value[KS_VARIABLES]);

/* socket.c */

/* Addresses of an IPv4 or IPv6 socket, host byte order ports. */
struct ks_socket {
	u16 family;
	u16 local_port;
	u16 remote_port;
	bool connected;
	u8 local_address[16];
	u8 remote_address[16];
	u32 tgid;		/* who holds it */
	u64 start_time;
};

/* Both ends; false: it is neither IPv4 nor IPv6. */
bool ks_socket_describe(const struct sock *sk, struct ks_socket *out);
/* Appends the name of a UNIX socket; false: it has none, or is no such socket. */
bool ks_socket_put_name(struct ks_record *record, struct ksonde_ref *ref,
			const struct sock *sk);
/* The same of a name as the kernel has it: length bytes, a NUL byte at its end or not. */
void ks_socket_put_path(struct ks_record *record, struct ksonde_ref *ref,
			const char *path, int length);
/* The local end of an IPv4 or IPv6 socket; false: it is neither. */
bool ks_socket_local(const struct sock *sk, u16 *port, u8 address[16]);
/*
 * First IPv4 or IPv6 socket among the first 64 descriptors of the current
 * process, then with ancestors of each of up to 12 of those (not process 1).
 */
bool ks_socket_first(bool ancestors, struct ks_socket *out);

#endif /* KS_CONTEXT_H */
