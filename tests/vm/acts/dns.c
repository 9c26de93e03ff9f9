// SPDX-License-Identifier: GPL-2.0-only
/* Steps that ask a server of the test something, and receive what it answers. */
#include "act.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define QUERY	"\0\021" "\x12\x34\1\0\0\1\0\0\0\0\0\0\0\0\1\0\1"	/* its length, then the message */

static char room[65536 + 2];
static int asked = -1, connected = -1;

static socklen_t address_of(struct sockaddr_storage *address, char *value)
{
	struct sockaddr_in6 *in6 = (void *)address;
	struct sockaddr_in *in = (void *)address;
	int port = take_number(&value);

	memset(address, 0, sizeof(*address));
	if (strchr(value, ':')) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		check(inet_pton(AF_INET6, value, &in6->sin6_addr) == 1, "address");
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	check(inet_pton(AF_INET, value, &in->sin_addr) == 1, "address");
	return sizeof(*in);
}

static void say_received(const char *act, int fd, long received)
{
	struct sockaddr_storage own;
	socklen_t length = sizeof(own);
	struct stat st;

	check(!fstat(fd, &st), "fstat");
	check(!getsockname(fd, (void *)&own, &length), "getsockname");
	say_begin(act, received);
	say_unsigned("socket", st.st_ino);
	/* At the same place in both families. */
	say_number("local_port", ntohs(((struct sockaddr_in *)&own)->sin_port));
	say_end();
}

static long receive(int fd, const char *how)
{
	struct iovec pieces[] = { { room, 2 }, { room + 2, 10 }, { room + 12, sizeof(room) - 12 } };
	struct mmsghdr two[2] = { { .msg_hdr = { .msg_iov = pieces, .msg_iovlen = 3 } } };

	if (!strcmp(how, "recvfrom"))
		return recvfrom(fd, room, 20, 0, NULL, NULL);
	if (!strcmp(how, "recvmsg"))
		return recvmsg(fd, &two[0].msg_hdr, 0);
	if (!strcmp(how, "recvmmsg"))
		return recvmmsg(fd, two, 1, 0, NULL) == 1 ? (long)two[0].msg_len : -1;
	if (!strcmp(how, "peek"))
		return recv(fd, room, sizeof(room), MSG_PEEK);
	return read(fd, room, sizeof(room));
}

/* how:port:address */
void step_dns(char *value)
{
	char *how = take_word(&value);
	struct sockaddr_storage server;
	socklen_t length = address_of(&server, value);
	int fd = socket(server.ss_family, SOCK_DGRAM, 0);

	check(fd >= 0, "socket");
	if (strcmp(how, "recvfrom"))
		check(!connect(fd, (void *)&server, length), "connect");
	check(sendto(fd, QUERY + 2, sizeof(QUERY) - 3, 0, (void *)&server, length) > 0, "send");
	say_received("dns", fd, receive(fd, how));
}

static long read_exactly(int fd, size_t at, size_t length, size_t step)
{
	size_t end = at + length;
	long got;

	while (at < end) {
		got = read(fd, room + at, end - at < step ? end - at : step);
		check(got > 0, "read");
		at += got;
	}
	return at;
}

/* What is there when the server has closed its end: all of it. */
static long read_whole(int fd, const char *how)
{
	struct iovec pieces[] = { { room, 1 }, { room + 1, 20 }, { room + 21, sizeof(room) - 21 } };
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 3 };

	check(recv(fd, room, 1, MSG_PEEK) == 1, "peek");
	usleep(200000);
	if (!strcmp(how, "iovecs"))
		return recvmsg(fd, &message, 0);
	if (!strcmp(how, "peek")) {
		check(recv(fd, room, sizeof(room), MSG_PEEK) > 2, "peek");
		check(recv(fd, room, 10, MSG_PEEK) == 10, "peek");
	}
	return read(fd, room, sizeof(room));
}

/*
 * how:port:address; how: pieces (the length, then the message), bytes (one by one), or
 * all at once: whole, iovecs (several of them), peek (looked at before), tail (the first
 * 30 bytes are thrown away, unseen, when the last ones have come)
 */
void step_dnstcp(char *value)
{
	char *how = take_word(&value);
	struct sockaddr_storage server;
	socklen_t length = address_of(&server, value);
	int fd = socket(server.ss_family, SOCK_STREAM, 0);
	size_t step = !strcmp(how, "bytes") ? 1 : sizeof(room);
	long received;

	check(fd >= 0 && !connect(fd, (void *)&server, length), "connect");
	check(write(fd, QUERY, sizeof(QUERY) - 1) == sizeof(QUERY) - 1, "write");
	if (!strcmp(how, "tail")) {
		check(recv(fd, NULL, 30, MSG_TRUNC | MSG_WAITALL) == 30, "MSG_TRUNC");
		received = 30 + read_whole(fd, how);
	} else if (strcmp(how, "pieces") && strcmp(how, "bytes")) {
		received = read_whole(fd, how);
	} else {
		read_exactly(fd, 0, 2, step);
		received = read_exactly(fd, 2, (unsigned char)room[0] << 8 | (unsigned char)room[1],
					step);
	}
	connected = fd;
	say_received("dnstcp", fd, received);
}

/* port:address: asks once, and receives nothing yet. */
void step_dnsask(char *value)
{
	struct sockaddr_storage server;
	socklen_t length = address_of(&server, value);
	int bytes = 16 << 20;

	asked = socket(server.ss_family, SOCK_DGRAM, 0);
	check(asked >= 0 &&
	      !setsockopt(asked, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)),
	      "SO_RCVBUFFORCE");
	check(!connect(asked, (void *)&server, length), "connect");
	check(send(asked, QUERY + 2, sizeof(QUERY) - 3, 0) > 0, "send");
}

/* count: receives so many answers, as fast as it can; prints how long it took. */
void step_dnsdrain(char *value)
{
	long count = take_number(&value), done = 0;
	struct timeval patience = { .tv_sec = 20 };
	struct timespec begin, end;

	check(!setsockopt(asked, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
	      "SO_RCVTIMEO");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (done < count && recv(asked, room, sizeof(room), 0) > 0)
		done++;
	clock_gettime(CLOCK_MONOTONIC, &end);
	say_begin("dnsdrain", done);
	say_number("milliseconds", (end.tv_sec - begin.tv_sec) * 1000 +
				   (end.tv_nsec - begin.tv_nsec) / 1000000);
	say_end();
}

/* Another message of the last connection: its length, then the rest. */
void step_dnsmore(char *value)
{
	(void)value;
	read_exactly(connected, 0, 2, sizeof(room));
	say_received("dnsmore", connected,
		     read_exactly(connected, 2,
				  (unsigned char)room[0] << 8 | (unsigned char)room[1],
				  sizeof(room)));
}
