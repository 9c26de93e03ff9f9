// SPDX-License-Identifier: GPL-2.0-only
/*
 * A socket is connected, by whatever call: connect, socketcall, 32-bit ones
 * and io_uring all come here.  Only the kernel's copy of the address is looked
 * at, and at the return: a BPF program of the cgroup may have put another one
 * there.  The caller holds the file, so the socket is there until then.
 */
#include <linux/errno.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/string.h>
#include <linux/un.h>
#include <net/ipv6.h>
#include "../compat/net.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"
#include "connect.h"

union address {
	sa_family_t family;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

struct connecting {
	struct socket *socket;
	/* The caller's, in a whole sockaddr_storage: there until the return. */
	const union address *address;
	u32 length;
	bool asked_only;	/* the LSMs were asked, no more is known */
	bool expected;		/* the outcome may come after the return */
};

static __always_inline bool begin(struct connecting *data, struct socket *socket,
				  const struct ks_call *call)
{
	const union address *address = (const union address *)call->arg[1];
	int length = call->arg[2];

	if (!socket || length < (int)sizeof(sa_family_t))
		return false;
	data->socket = socket;
	data->address = address;
	data->length = length;
	return address->family == AF_INET || address->family == AF_INET6 ||
	       address->family == AF_UNIX;
}

/* Only such a call can return while the connection is under way. */
static __always_inline bool may_be_early(unsigned long flags, const struct sock *sk)
{
	return sk && sk->sk_protocol == IPPROTO_TCP &&
	       (flags & O_NONBLOCK || READ_ONCE(sk->sk_sndtimeo) != MAX_SCHEDULE_TIMEOUT);
}

static bool enter(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	struct file *file = (struct file *)call->arg[0];
	struct connecting *connecting = data;

	if (!ks_is_wanted(connect))
		return false;
	connecting->asked_only = false;
	if (!begin(connecting, ks_sock_from_file(file), call))
		return false;
	connecting->expected = may_be_early(file->f_flags | call->arg[3], connecting->socket->sk) &&
			       ks_outcome_expect(connecting->socket->sk);
	return true;
}

static bool enter_protocol(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	struct socket *socket = (struct socket *)call->arg[0];
	struct connecting *connecting = data;

	/* Without a file it is the kernel that connects. */
	if (!ks_is_wanted(connect) || !socket->file)
		return false;
	connecting->asked_only = false;
	if (!begin(connecting, socket, call))
		return false;
	connecting->expected = may_be_early(call->arg[3], socket->sk) &&
			       ks_outcome_expect(socket->sk);
	return true;
}

static bool enter_lsm(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	struct connecting *connecting = data;

	if (!ks_is_wanted(connect))
		return false;
	connecting->asked_only = true;
	connecting->expected = false;
	return begin(connecting, (struct socket *)call->arg[0], call);
}

static void put_remote(struct ks_record *record, struct ks_event_connect *e,
		       const struct connecting *data)
{
	const struct sockaddr_in6 *in6 = &data->address->in6;
	const struct sockaddr_in *in = &data->address->in;

	if (e->family == AF_INET && data->length >= sizeof(*in)) {
		e->remote_port = ntohs(in->sin_port);
		memcpy(e->remote_address, &in->sin_addr, sizeof(in->sin_addr));
	} else if (e->family == AF_INET6 && data->length >= SIN6_LEN_RFC2133) {
		e->remote_port = ntohs(in6->sin6_port);
		memcpy(e->remote_address, &in6->sin6_addr, sizeof(in6->sin6_addr));
	} else {
		ks_absent(record, connect, remote_port);
		ks_absent(record, connect, remote_address);
	}
	if (e->family == AF_INET6 && data->length >= sizeof(*in6) &&
	    ipv6_addr_type(&in6->sin6_addr) & IPV6_ADDR_LINKLOCAL)
		e->scope_id = in6->sin6_scope_id;
	else
		ks_absent(record, connect, scope_id);
}

/* A datagram socket of IPv6 that was given an IPv4 address: it has a mapped one now. */
static noinline bool local_mapped(struct ks_event_connect *e, const struct sock *sk)
{
	struct in6_addr own;

	if (!ks_socket_local(sk, &e->local_port, own.s6_addr) || !ipv6_addr_v4mapped(&own)) {
		e->local_port = 0;
		return false;
	}
	memcpy(e->local_address, &own.s6_addr32[3], sizeof(own.s6_addr32[3]));
	return true;
}

/* The socket may be of another family than the address. */
static bool local_end(struct ks_event_connect *e, const struct sock *sk)
{
	if (likely(e->family == sk->sk_family))
		return ks_socket_local(sk, &e->local_port, e->local_address);
	return e->family == AF_INET && sk->sk_family == AF_INET6 && local_mapped(e, sk);
}

static void put_local(struct ks_record *record, struct ks_event_connect *e,
		      const struct connecting *data)
{
	const struct sock *sk = data->socket->sk;

	if (e->family == AF_UNIX || data->asked_only || !sk || !local_end(e, sk)) {
		ks_absent(record, connect, local_port);
		ks_absent(record, connect, local_address);
	}
}

static void put_path(struct ks_record *record, struct ks_event_connect *e,
		     const struct connecting *data)
{
	const char *path = data->address->un.sun_path;
	int length = (int)data->length - (int)offsetof(struct sockaddr_un, sun_path);

	if (e->family != AF_UNIX || length <= 0) {
		ks_absent(record, connect, path);
		return;
	}
	ks_socket_put_path(record, &e->path, path, length);
}

/* What rules may ask for; NULL: none, or it is cut. */
static __always_inline const void *remote_address(const struct connecting *data)
{
	const union address *address = data->address;

	if (likely(address->family == AF_INET))
		return data->length >= sizeof(address->in) ? &address->in.sin_addr : NULL;
	return address->family == AF_INET6 && data->length >= SIN6_LEN_RFC2133 ?
	       &address->in6.sin6_addr : NULL;
}

/* No call returns this: only its entry is seen. */
#define NO_RESULT	INT_MIN

/* NULL: not wanted of this task. */
static struct ks_record *record_connect(struct ks_hook *hook,
					const struct connecting *connecting, int result)
{
	struct ks_event_connect *e;
	struct ks_record *record;

	record = ks_record_begin_with(hook, connect, connecting->address->family,
				      remote_address(connecting));
	if (!record)
		return NULL;
	e = ks_record_event(record, connect);
	e->stage = KS_CONNECT_CALL;
	e->family = connecting->address->family;
	e->type = connecting->socket->type;
	if (connecting->socket->sk)
		e->protocol = connecting->socket->sk->sk_protocol;
	else
		ks_absent(record, connect, protocol);
	if (result != NO_RESULT) {
		/* A signal came; user space sees this or the call again. */
		e->result = result == -ERESTARTSYS ? -EINTR : result;
		e->in_progress = result == -EINPROGRESS || result == -EALREADY;
	} else {
		ks_absent(record, connect, result);
		ks_absent(record, connect, in_progress);
	}
	e->socket = SOCK_INODE(connecting->socket)->i_ino;
	put_remote(record, e, connecting);
	put_local(record, e, connecting);
	put_path(record, e, connecting);
	return record;
}

static void leave(struct ks_hook *hook, long ret, void *data)
{
	const struct connecting *connecting = data;
	const struct sock *sk = connecting->socket->sk;
	struct ks_pending *decided = NULL;
	struct ks_record *record;
	/* The function's type: what stands above it in the register is anything. */
	const int result = ret;

	record = record_connect(hook, connecting, result);
	if (connecting->expected) {
		if (record && result == -EINPROGRESS)
			decided = ks_outcome_await(sk, record);
		else
			ks_outcome_forget(sk);
	} else if (result == -EINPROGRESS && !connecting->asked_only) {
		ks_outcome_missed();
	}
	if (record)
		ks_record_commit(record);
	if (decided)
		ks_outcome_record(decided);
}

static void asked(struct ks_hook *hook, const struct ks_call *call)
{
	struct connecting connecting;
	struct ks_record *record = NULL;

	if (enter_lsm(hook, call, &connecting))
		record = record_connect(hook, &connecting, NO_RESULT);
	if (record)
		ks_record_commit(record);
}

/*
 * The third point is for kernels before v5.5: what the LSMs refused does not
 * come there.  The fourth one sees the same addresses, but its result is only
 * whether the LSMs refused, and the local end is not yet known; the last one is
 * for kernels whose kprobes cannot be where ftrace is.
 */
#define PROTOCOLS \
	"inet_stream_connect inet_dgram_connect unix_stream_connect unix_dgram_connect"

static const struct ks_point points[] = {
	KS_FEXIT("__sys_connect_file", enter, leave, sizeof(struct connecting)),
	KS_KRETPROBE("__sys_connect_file", enter, leave, sizeof(struct connecting)),
	KS_KRETPROBE(PROTOCOLS, enter_protocol, leave, sizeof(struct connecting)),
	KS_KRETPROBE("security_socket_connect", enter_lsm, leave, sizeof(struct connecting)),
	KS_FTRACE("security_socket_connect", asked),
	{}
};

struct ks_hook ks_hook_connect = {
	.name = "connect",
	.event = KS_EV_connect,
	.points = points,
};
