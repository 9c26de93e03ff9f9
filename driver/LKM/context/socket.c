// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets: their addresses, and the first one that a process or one of its
 * ancestors holds, which tells where a remote shell comes from.
 */
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/un.h>
#include <net/af_unix.h>
#include "../compat/file.h"
#include "../compat/net.h"
#include "context.h"

bool ks_socket_local(const struct sock *sk, u16 *port, u8 address[16])
{
	const struct inet_sock *inet = inet_sk(sk);
	u16 family = READ_ONCE(sk->sk_family);
	__be32 local;

	if (likely(family == AF_INET)) {
		local = READ_ONCE(inet->inet_rcv_saddr) ?: READ_ONCE(inet->inet_saddr);
		memcpy(address, &local, sizeof(local));
	} else if (family != AF_INET6 || !ks_sock_ipv6_local(sk, address)) {
		/* Others are no struct inet_sock. */
		return false;
	}
	*port = ntohs(READ_ONCE(inet->inet_sport));
	return true;
}

bool ks_socket_describe(const struct sock *sk, struct ks_socket *out)
{
	const struct inet_sock *inet = inet_sk(sk);

	memset(out, 0, sizeof(*out));
	out->family = READ_ONCE(sk->sk_family);
	if (out->family != AF_INET && out->family != AF_INET6)
		return false;
	if (!ks_socket_local(sk, &out->local_port, out->local_address))
		return false;
	if (out->family == AF_INET)
		memcpy(out->remote_address, &inet->inet_daddr, sizeof(inet->inet_daddr));
	else
		ks_sock_ipv6_remote(sk, out->remote_address);
	out->remote_port = ntohs(READ_ONCE(inet->inet_dport));
	/* A raw socket is connected without a port. */
	out->connected = out->remote_port || READ_ONCE(sk->sk_state) == TCP_ESTABLISHED;
	return true;
}

void ks_socket_put_path(struct ks_record *record, struct ksonde_ref *ref, const char *path,
			int length)
{
	length = min_t(int, length, UNIX_PATH_MAX);
	/* A name that begins with a NUL byte may hold more of them. */
	if (length > 0 && *path)
		length = strnlen(path, length);
	ks_record_string(record, ref, path, max(length, 0));
}

bool ks_socket_put_name(struct ks_record *record, struct ksonde_ref *ref, const struct sock *sk)
{
	const struct unix_address *address;

	if (READ_ONCE(sk->sk_family) != AF_UNIX)
		return false;
	/* It stays as long as the socket. */
	address = smp_load_acquire(&((const struct unix_sock *)sk)->addr);
	if (!address)
		return false;
	ks_socket_put_path(record, ref, address->name->sun_path,
			   address->len - (int)offsetof(struct sockaddr_un, sun_path));
	return true;
}

static bool describe_slot(struct file __rcu **slot, struct ks_socket *out)
{
	struct file *file = rcu_dereference(*slot);
	struct socket *sock;
	bool known = false;

	/* A look without a reference, to take few of them. */
	if (!file || !ks_sock_from_file(file))
		return false;
	file = ks_get_file_rcu(slot);
	if (!file)
		return false;
	sock = ks_sock_from_file(file);
	if (sock && sock->sk)
		known = ks_socket_describe(sock->sk, out);
	fput(file);
	return known;
}

/* Among the first 64 descriptors.  Under rcu_read_lock(). */
static bool files_first(struct files_struct *files, struct ks_socket *out)
{
	struct fdtable *table = rcu_dereference_raw(files->fdt);
	unsigned long open = READ_ONCE(table->open_fds[0]);
	unsigned int fd;

	for (; open; open &= open - 1) {
		fd = __ffs(open);
		if (fd < table->max_fds && describe_slot(&table->fd[fd], out))
			return true;
	}
	return false;
}

static bool ancestor_first(struct task_struct *task, struct ks_socket *out)
{
	bool known = false;

	/* The lock keeps its table; whoever has it now is not waited for. */
	if (!spin_trylock(&task->alloc_lock))
		return false;
	if (task->files)
		known = files_first(task->files, out);
	spin_unlock(&task->alloc_lock);
	return known;
}

bool ks_socket_first(bool ancestors, struct ks_socket *out)
{
	struct task_struct *task = current;
	bool known;
	int i;

	rcu_read_lock();
	known = task->files && files_first(task->files, out);
	for (i = 0; ancestors && !known && i < KSONDE_ANCESTORS_MAX; i++) {
		task = rcu_dereference(task->real_parent);
		if (task->tgid <= 1)
			break;
		known = ancestor_first(task, out);
	}
	if (known) {
		out->tgid = task->tgid;
		out->start_time = ks_process_start_time(task);
	}
	rcu_read_unlock();
	return known;
}
