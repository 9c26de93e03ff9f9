// SPDX-License-Identifier: GPL-2.0-only
/*
 * A socket is bound, by whatever call.  Only the kernel's copy of the address is
 * looked at, and at the return, as for connect.  The protocols' functions know
 * the result; what security modules refuse does not come there, nor do families
 * that are not among them: of those the question is seen.
 */
#include <linux/errno.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/un.h>
#include <linux/vm_sockets.h>
#include <net/ipv6.h>
#include "../compat/net.h"
#include "../context/context.h"
#include "../core/record.h"
#include "../engine/hook.h"

/* No call returns this: only its entry is seen. */
#define NO_RESULT	INT_MIN

union address {
	sa_family_t family;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_nl nl;
	struct sockaddr_ll ll;
	struct sockaddr_vm vm;
	struct sockaddr_un un;
};

struct binding {
	const struct socket *socket;
	/* The caller's: there until the return; length bytes of it are set. */
	const union address *address;
	int length;
};

/* Fields that the address of some family gives. */
enum {
	PORT = 1,
	ADDRESS = 2,
	SCOPE = 4,
	GROUPS = 8,
	CID = 16,
};

static const struct ks_point points[];

/* Without a file it is the kernel that binds. */
static bool begin(struct binding *binding, const struct ks_call *call)
{
	binding->socket = (const struct socket *)call->arg[0];
	binding->address = (const union address *)call->arg[1];
	binding->length = call->arg[2];
	return ks_is_wanted(bind) && binding->socket->file && binding->socket->sk &&
	       binding->length >= (int)sizeof(sa_family_t);
}

static u32 put_in6(struct ks_event_bind *e, const struct sockaddr_in6 *in6, int length)
{
	if (length < SIN6_LEN_RFC2133)
		return 0;
	e->port = ntohs(in6->sin6_port);
	memcpy(e->address, &in6->sin6_addr, sizeof(in6->sin6_addr));
	if (length < (int)sizeof(*in6) ||
	    !(ipv6_addr_type(&in6->sin6_addr) & IPV6_ADDR_LINKLOCAL))
		return PORT | ADDRESS;
	e->scope_id = in6->sin6_scope_id;
	return PORT | ADDRESS | SCOPE;
}

/* What it gives. */
static u32 put_known(struct ks_event_bind *e, const struct binding *binding)
{
	const union address *address = binding->address;
	int length = binding->length;

	switch (e->family) {
	case AF_INET:
		if (length < (int)sizeof(address->in))
			return 0;
		e->port = ntohs(address->in.sin_port);
		memcpy(e->address, &address->in.sin_addr, sizeof(address->in.sin_addr));
		return PORT | ADDRESS;
	case AF_INET6:
		return put_in6(e, &address->in6, length);
	case AF_NETLINK:
		if (length < (int)sizeof(address->nl))
			return 0;
		e->port = address->nl.nl_pid;
		e->groups = address->nl.nl_groups;
		return PORT | GROUPS;
	case AF_PACKET:
		if (length < (int)offsetof(struct sockaddr_ll, sll_hatype))
			return 0;
		e->scope_id = address->ll.sll_ifindex;
		return SCOPE;
	case AF_VSOCK:
		if (length < (int)sizeof(address->vm))
			return 0;
		e->port = address->vm.svm_port;
		e->cid = address->vm.svm_cid;
		return PORT | CID;
	default:
		return 0;
	}
}

/* IPv4 takes no family for its own. */
static sa_family_t family_of(const struct binding *binding)
{
	sa_family_t family = binding->address->family;

	return family == AF_UNSPEC && binding->socket->sk->sk_family == AF_INET ? AF_INET : family;
}

static void put_address(struct ks_record *record, struct ks_event_bind *e,
			const struct binding *binding)
{
	u32 given = put_known(e, binding);

	if (!(given & PORT))
		ks_absent(record, bind, port);
	if (!(given & ADDRESS))
		ks_absent(record, bind, address);
	if (!(given & SCOPE))
		ks_absent(record, bind, scope_id);
	if (!(given & GROUPS))
		ks_absent(record, bind, groups);
	if (!(given & CID))
		ks_absent(record, bind, cid);
}

static void put_path(struct ks_record *record, struct ks_event_bind *e,
		     const struct binding *binding, bool bound)
{
	int length = binding->length - (int)offsetof(struct sockaddr_un, sun_path);

	if (e->family != AF_UNIX)
		ks_absent(record, bind, path);
	else if (!bound || !ks_socket_put_name(record, &e->path, binding->socket->sk))
		ks_socket_put_path(record, &e->path, binding->address->un.sun_path, length);
}

/* What rules may ask for; NULL: none, or it is cut. */
static const void *address_of(const struct binding *binding, sa_family_t family)
{
	const union address *address = binding->address;

	if (family == AF_INET)
		return binding->length >= (int)sizeof(address->in) ? &address->in.sin_addr : NULL;
	return family == AF_INET6 && binding->length >= SIN6_LEN_RFC2133 ?
	       &address->in6.sin6_addr : NULL;
}

static void record_bind(struct ks_hook *hook, const struct binding *binding, int result)
{
	const struct sock *sk = binding->socket->sk;
	struct ks_event_bind *e;
	sa_family_t family = family_of(binding);
	struct ks_record *record;
	u8 address[16];

	record = ks_record_begin_with(hook, bind, family, address_of(binding, family));
	if (!record)
		return;
	e = ks_record_event(record, bind);
	e->family = family;
	e->type = binding->socket->type;
	e->protocol = sk->sk_protocol;
	put_address(record, e, binding);
	put_path(record, e, binding, !result);
	if (result || !ks_socket_local(sk, &e->local_port, address))
		ks_absent(record, bind, local_port);
	if (result == NO_RESULT)
		ks_absent(record, bind, result);
	else
		e->result = result;
	e->socket = SOCK_INODE((struct socket *)binding->socket)->i_ino;
	ks_record_commit(record);
}

static bool enter(struct ks_hook *hook, const struct ks_call *call, void *data)
{
	return begin(data, call);
}

static void leave(struct ks_hook *hook, long ret, void *data)
{
	record_bind(hook, data, (int)ret);
}

/* A protocol's function is seen that will be called, if nobody refuses. */
static bool comes_later(const struct binding *binding)
{
	const struct sock *sk = binding->socket->sk;

	/* The other one sees the questions, then. */
	if (READ_ONCE(ks_hook_bind.taken) != points)
		return true;
	switch (sk->sk_family) {
	case AF_INET:
	case AF_INET6:
		return !ks_is_mptcp(sk);
	case AF_UNIX:
	case AF_NETLINK:
		return true;
	default:
		return false;
	}
}

static void leave_asked(struct ks_hook *hook, long ret, void *data)
{
	const int result = ret;

	if (result || !comes_later(data))
		record_bind(hook, data, result ? result : NO_RESULT);
}

static void asked(struct ks_hook *hook, const struct ks_call *call)
{
	struct binding binding;

	if (begin(&binding, call) && (hook == &ks_hook_bind || !comes_later(&binding)))
		record_bind(hook, &binding, NO_RESULT);
}

/* The second ones are for kernels whose kprobes cannot be where ftrace is. */
static const struct ks_point points[] = {
	KS_KRETPROBE("inet_bind inet6_bind unix_bind netlink_bind", enter, leave,
		     sizeof(struct binding)),
	KS_FTRACE("security_socket_bind", asked),
	{}
};

struct ks_hook ks_hook_bind = {
	.name = "bind",
	.event = KS_EV_bind,
	.points = points,
};

static const struct ks_point points_asked[] = {
	KS_KRETPROBE("security_socket_bind", enter, leave_asked, sizeof(struct binding)),
	KS_FTRACE("security_socket_bind", asked),
	{}
};

struct ks_hook ks_hook_bind_asked = {
	.name = "bind_asked",
	.event = KS_EV_bind,
	.points = points_asked,
};
