// SPDX-License-Identifier: GPL-2.0-only
/* Steps that connect sockets.  Each prints what the socket is afterwards. */
#include "act.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef SYS_socketcall
static bool by_socketcall;
#endif

/* From here on: socketcall(2), which the 32-bit ABI has. */
void step_socketcall(char *value)
{
	(void)value;
#ifdef SYS_socketcall
	by_socketcall = true;
#else
	errno = ENOSYS;
	die("socketcall");
#endif
}

/* The system call itself: the C library may use another one. */
static long do_connect(int fd, const void *address, socklen_t length)
{
#ifdef SYS_socketcall
	if (by_socketcall) {
		unsigned long args[] = { fd, (unsigned long)address, length };

		return result_of(syscall(SYS_socketcall, 3, args));
	}
#endif
	return result_of(syscall(SYS_connect, fd, address, length));
}

static long do_bind(int fd, const void *address, socklen_t length)
{
#ifdef SYS_socketcall
	if (by_socketcall) {
		unsigned long args[] = { fd, (unsigned long)address, length };

		return result_of(syscall(SYS_socketcall, 2, args));
	}
#endif
	return result_of(syscall(SYS_bind, fd, address, length));
}

/* flags -1: accept(2) where the ABI has it, else accept4(2) */
static long do_accept(int fd, int flags)
{
#ifdef SYS_socketcall
	if (by_socketcall) {
		unsigned long args[] = { fd, 0, 0, flags };

		return result_of(syscall(SYS_socketcall, flags < 0 ? 5 : 18, args));
	}
#endif
#ifdef SYS_accept
	if (flags < 0)
		return result_of(syscall(SYS_accept, fd, NULL, NULL));
#endif
	return result_of(syscall(SYS_accept4, fd, NULL, NULL, flags < 0 ? 0 : flags));
}

static void say_address(const char *key, const char *port_key,
			const struct sockaddr_storage *address)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		say_number(port_key, ntohs(in->sin_port));
		say_string(key, text);
	} else if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;

		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		say_number(port_key, ntohs(in6->sin6_port));
		say_string(key, text);
	}
}

static void say_socket(int fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t length = sizeof(address);
	struct stat st;
	int number;

	check(!fstat(fd, &st), "fstat");
	say_unsigned("socket", st.st_ino);
	length = sizeof(number);
	if (!getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &number, &length))
		say_number("domain", number);
	length = sizeof(number);
	if (!getsockopt(fd, SOL_SOCKET, SO_TYPE, &number, &length))
		say_number("type", number);
	length = sizeof(number);
	if (!getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &number, &length))
		say_number("protocol", number);
	length = sizeof(address);
	if (!getsockname(fd, (void *)&address, &length))
		say_address("local_address", "local_port", &address);
	length = sizeof(address);
	if (!getpeername(fd, (void *)&address, &length))
		say_address("peer_address", "peer_port", &address);
}

static void connect_and_say(const char *act, int fd, const void *address,
			    socklen_t length)
{
	long result = do_connect(fd, address, length);

	say_begin(act, result);
	say_socket(fd);
	say_end();
}

static int last = -1;

static int make(int family, int type, int protocol)
{
	last = socket(family, type, protocol);
	check(last >= 0, "socket");
	return last;
}

static struct sockaddr_in inet(const char *host, int port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};

	check(inet_pton(AF_INET, host, &in.sin_addr) == 1, "address");
	return in;
}

/* address:port[:nonblock|timeout] */
void step_tcp(char *value)
{
	char *host = take_word(&value);
	struct sockaddr_in in = inet(host, take_number(&value));
	int flag = !strcmp(value, "nonblock") ? SOCK_NONBLOCK : 0;
	struct timeval soon = { .tv_usec = 50000 };
	int fd = make(AF_INET, SOCK_STREAM | flag, 0);

	if (!strcmp(value, "timeout"))
		check(!setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon)),
		      "SO_SNDTIMEO");
	connect_and_say("tcp", fd, &in, sizeof(in));
}

/* What became of the last socket's connection: the negative errno value, or 0. */
void step_outcome(char *value)
{
	struct pollfd wait = { .fd = last, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error;

	(void)value;
	check(poll(&wait, 1, 20000) == 1, "poll");
	check(!getsockopt(last, SOL_SOCKET, SO_ERROR, &error, &length), "SO_ERROR");
	say("outcome", -error);
}

/* count:port: that many connects to loopback that are under way when it ends. */
void step_underway(char *value)
{
	long count = take_number(&value), done = 0;
	struct sockaddr_in in = inet("127.0.0.1", take_number(&value));

	for (; done < count; done++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		check(do_connect(fd, &in, sizeof(in)) == -EINPROGRESS, "EINPROGRESS");
	}
	say("underway", done);
}

/* address:port */
void step_udp(char *value)
{
	char *host = take_word(&value);
	struct sockaddr_in in = inet(host, take_number(&value));

	connect_and_say("udp", make(AF_INET, SOCK_DGRAM, 0), &in, sizeof(in));
}

/* port:scope:address */
void step_tcp6(char *value)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(take_number(&value)),
		.sin6_scope_id = take_number(&value),
	};

	check(inet_pton(AF_INET6, value, &in6.sin6_addr) == 1, "address");
	connect_and_say("tcp6", make(AF_INET6, SOCK_STREAM, 0), &in6, sizeof(in6));
}

/* address:port: a TCP socket that stays open; prints nothing else of it. */
void step_socket(char *value)
{
	char *host = take_word(&value);
	struct sockaddr_in in = inet(host, take_number(&value));
	int fd = make(AF_INET, SOCK_STREAM, 0);

	check(!do_connect(fd, &in, sizeof(in)), "connect");
	say_begin("socket", 0);
	say_socket(fd);
	say_end();
}

/* family, socket(2) */
void step_family(char *value)
{
	int family = take_number(&value);

	say("family", result_of(syscall(SYS_socket, family, SOCK_STREAM, 0)));
}

/* address: a TCP socket that is bound there, on any port, and not connected. */
void step_bind(char *value)
{
	struct sockaddr_in in = inet(value, 0);
	int fd = make(AF_INET, SOCK_STREAM, 0);

	check(!bind(fd, (void *)&in, sizeof(in)), "bind");
	say_begin("bind", 0);
	say_socket(fd);
	say_end();
}

/* family:type:protocol:hexadecimal bytes of the address */
void step_bindto(char *value)
{
	int family = take_number(&value), type = take_number(&value);
	int fd = make(family, type, take_number(&value));
	unsigned char address[128] = { 0 };
	size_t length = 0;
	long result;

	for (; length < sizeof(address) && sscanf(value, "%2hhx", &address[length]) == 1; length++)
		value += 2;
	result = do_bind(fd, address, length);
	say_begin("bindto", result);
	say_socket(fd);
	say_end();
}

/* flags:backlog: listen(2) with the last socket, connect(2) to it by another one, accept4(2) */
void step_accept(char *value)
{
	struct sockaddr_storage address = { 0 };
	socklen_t length = sizeof(address);
	long flags = take_number(&value), result;
	int listening = last, client;

	check(!listen(listening, 5), "listen");
	check(!getsockname(listening, (void *)&address, &length), "getsockname");
	client = make(address.ss_family, SOCK_STREAM, 0);
	check(!do_connect(client, &address, length), "connect");
	result = do_accept(listening, flags);
	say_begin("accept", result);
	say_number("fd", listening);
	say_socket(result < 0 ? listening : (int)result);
	say_end();
	last = listening;
}

/* descriptor: accept4(2) of it, or of the last socket, that fails */
void step_noaccept(char *value)
{
	int fd = take_number(&value);
	long result;

	fd = fd ? fd : last;
	result = do_accept(fd, 0);
	say_begin("noaccept", result);
	say_number("fd", fd);
	if (fd == last)
		say_socket(fd);
	say_end();
}

static socklen_t local(struct sockaddr_un *un, const char *name, bool abstract)
{
	size_t length = strlen(name);

	memset(un, 'Z', sizeof(*un));
	un->sun_family = AF_UNIX;
	check(length + 1 <= sizeof(un->sun_path), "name");
	if (abstract) {
		un->sun_path[0] = 0;
		memcpy(un->sun_path + 1, name, length);
	} else {
		memcpy(un->sun_path, name, length);
		un->sun_path[length] = 0;
	}
	return offsetof(struct sockaddr_un, sun_path) + length + 1;
}

void step_unix(char *value)
{
	struct sockaddr_un un;
	socklen_t length = local(&un, value, false);

	connect_and_say("unix", make(AF_UNIX, SOCK_STREAM, 0), &un, length);
}

/* length: an abstract name whose address is said to have that many bytes. */
void step_longunix(char *value)
{
	struct sockaddr_storage storage;

	memset(&storage, 'L', sizeof(storage));
	storage.ss_family = AF_UNIX;
	((struct sockaddr_un *)&storage)->sun_path[0] = 0;
	connect_and_say("longunix", make(AF_UNIX, SOCK_STREAM, 0), &storage, take_number(&value));
}

void step_abstract(char *value)
{
	struct sockaddr_un un;
	socklen_t length = local(&un, value, true);

	connect_and_say("abstract", make(AF_UNIX, SOCK_STREAM, 0), &un, length);
}

/* Undoes the last socket's connection. */
void step_unspec(char *value)
{
	struct sockaddr address = { .sa_family = AF_UNSPEC };

	(void)value;
	connect_and_say("unspec", last, &address, sizeof(address));
}

void step_netlink(char *value)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK };

	(void)value;
	connect_and_say("netlink", make(AF_NETLINK, SOCK_RAW, 0), &nl, sizeof(nl));
}

/* Calls that never have an address: a bad pointer, no socket, no descriptor. */
void step_badconnect(char *value)
{
	struct sockaddr_in in = inet("127.0.0.1", 9);
	int fd = make(AF_INET, SOCK_STREAM, 0);

	(void)value;
	check(do_connect(fd, (void *)16, sizeof(in)) == -EFAULT, "EFAULT");
	check(do_connect(1000, &in, sizeof(in)) == -EBADF, "EBADF");
	check(do_connect(fd, &in, 100000) == -EINVAL, "EINVAL");
	say("badconnect", 0);
}

/* count:port: that many refused connections to loopback. */
void step_connects(char *value)
{
	long count = take_number(&value), done = 0;
	struct sockaddr_in in = inet("127.0.0.1", take_number(&value));

	for (; done < count; done++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		do_connect(fd, &in, sizeof(in));
		close(fd);
	}
	say_begin("connects", done);
	say_end();
}

static void *connect_blocked(void *path)
{
	struct sockaddr_un un;
	socklen_t length = local(&un, path, false);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	connect(fd, (void *)&un, length);
	return NULL;
}

/* count:path: that many threads that wait in connect(2) for a listener which is full. */
void step_blocked(char *value)
{
	long count = take_number(&value);
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	/* Room for the thread-local line of text. */
	pthread_attr_setstacksize(&attributes, 256 << 10);
	for (long i = 0; i < count; i++)
		check(!pthread_create(&thread, &attributes, connect_blocked, value), "thread");
}
