// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection is accepted: by accept, accept4 and socketcall, native and 32-bit.
 * Nothing is read from the program: the descriptors lead to the sockets.  That
 * there was no connection to be had at once is no news, and is not recorded.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include "../compat/file.h"
#include "../compat/net.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

struct accepting {
	int fd;
	u32 flags;
};

/* The socket of a descriptor, with a reference on *file; NULL: it is none. */
static struct socket *socket_of(int fd, struct file **file)
{
	struct socket *socket;

	*file = ks_file_of(fd);
	if (!*file)
		return NULL;
	socket = ks_sock_from_file(*file);
	if (socket && socket->sk)
		return socket;
	fput(*file);
	return NULL;
}

static void put_ends(struct ks_record *record, struct ks_event_accept *e, const struct sock *sk,
		     const struct ks_socket *ends)
{
	if (ends) {
		e->local_port = ends->local_port;
		memcpy(e->local_address, ends->local_address, sizeof(ends->local_address));
	} else {
		ks_absent(record, accept, local_port);
		ks_absent(record, accept, local_address);
	}
	if (ends && e->result >= 0) {
		e->remote_port = ends->remote_port;
		memcpy(e->remote_address, ends->remote_address, sizeof(ends->remote_address));
	} else {
		ks_absent(record, accept, remote_port);
		ks_absent(record, accept, remote_address);
	}
	if (!ks_socket_put_name(record, &e->path, sk))
		ks_absent(record, accept, path);
}

static void put_nothing(struct ks_record *record)
{
	ks_absent(record, accept, family);
	ks_absent(record, accept, type);
	ks_absent(record, accept, protocol);
	ks_absent(record, accept, local_port);
	ks_absent(record, accept, remote_port);
	ks_absent(record, accept, local_address);
	ks_absent(record, accept, remote_address);
	ks_absent(record, accept, socket);
	ks_absent(record, accept, path);
}

static void put_socket(struct ks_record *record, struct ks_event_accept *e,
		       struct socket *socket, const struct ks_socket *ends)
{
	e->family = socket->sk->sk_family;
	e->type = socket->type;
	e->protocol = socket->sk->sk_protocol;
	e->socket = SOCK_INODE(socket)->i_ino;
	put_ends(record, e, socket->sk, ends);
}

/* socket: the new one, that of the descriptor where it failed, or NULL; ends: of it, or NULL. */
static void record_socket(struct ks_hook *hook, const struct accepting *accepting, int result,
			  struct socket *socket, const struct ks_socket *ends)
{
	struct ks_event_accept *e;
	struct ks_record *record;

	record = ks_record_begin_with(hook, accept, ends ? ends->family : AF_UNSPEC,
				      ends && result >= 0 ? ends->remote_address : NULL);
	if (!record)
		return;
	e = ks_record_event(record, accept);
	e->fd = accepting->fd;
	e->socket_flags = accepting->flags;
	/* A signal came; user space sees this or the call again. */
	e->result = result == -ERESTARTSYS ? -EINTR : result;
	if (socket)
		put_socket(record, e, socket, ends);
	else
		put_nothing(record);
	ks_record_commit(record);
}

static void record_accept(struct ks_hook *hook, const struct accepting *accepting, int result)
{
	struct ks_socket ends;
	struct socket *socket;
	struct file *file;
	bool known;

	if (!ks_is_wanted(accept) || result == -EAGAIN)
		return;
	socket = socket_of(result < 0 ? accepting->fd : result, &file);
	known = socket && ks_socket_describe(socket->sk, &ends);
	record_socket(hook, accepting, result, socket, known ? &ends : NULL);
	if (socket)
		fput(file);
}

static bool enter(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	struct accepting *accepting = data;

	accepting->fd = call->arg[0];
	accepting->flags = call->arg[3];
	return ks_is_wanted(accept);
}

static void leave(struct ks_hook *hook, long ret, void *data)
{
	record_accept(hook, data, (int)ret);
}

static void called(struct ks_hook *hook, const struct ks_syscall *call, const void *data)
{
	/* accept() has no flags. */
	const struct accepting accepting = {
		.fd = call->arg[0],
		.flags = call->which ? call->arg[3] : 0,
	};

	record_accept(hook, &accepting, (int)call->ret);
}

/* Before v4.17 it is called as the system call is. */
static const struct ks_point points[] = {
	KS_KRETPROBE("__sys_accept4 sys_accept4", enter, leave, sizeof(struct accepting)),
	KS_SYSCALL("accept accept4", called),
	KS_SYS_EXIT("accept accept4", called),
	{}
};

struct ks_hook ks_hook_accept = {
	.name = "accept",
	.event = KS_EV_accept,
	.points = points,
};
