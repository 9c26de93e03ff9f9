// SPDX-License-Identifier: GPL-2.0-only
/* SYNs of spoofed sources, many at a call, with a scanner among them. */
#include "act.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define BATCH	128

struct frame {
	struct ether_header ethernet;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

static unsigned int chance;

static unsigned int any(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 17;
	chance ^= chance << 5;
	return chance;
}

static void fill(struct frame *frame, unsigned int source, const char *target, unsigned int port)
{
	unsigned short words[sizeof(frame->ip) / sizeof(short)];
	static const unsigned char to[] = { 2, 0, 0, 0, 0, 2 }, from[] = { 2, 0, 0, 0, 0, 1 };
	unsigned long sum = 0;
	size_t i;

	memset(frame, 0, sizeof(*frame));
	memcpy(frame->ethernet.ether_dhost, to, sizeof(to));
	memcpy(frame->ethernet.ether_shost, from, sizeof(from));
	frame->ethernet.ether_type = htons(ETHERTYPE_IP);
	frame->ip.version = 4;
	frame->ip.ihl = 5;
	frame->ip.tot_len = htons(sizeof(frame->ip) + sizeof(frame->tcp));
	frame->ip.ttl = 64;
	frame->ip.protocol = IPPROTO_TCP;
	frame->ip.saddr = htonl(source);
	check(inet_pton(AF_INET, target, &frame->ip.daddr) == 1, "address");
	memcpy(words, &frame->ip, sizeof(words));
	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	frame->ip.check = ~(sum + (sum >> 16));
	frame->tcp.source = htons(40000);
	frame->tcp.dest = htons(port);
	frame->tcp.doff = 5;
	frame->tcp.syn = 1;
}

/*
 * count:every:scanner:target:interface: that many, each from one of 16 million sources
 * and to any port; one in so many is the scanner's, to one of 40 ports
 */
void step_flood(char *value)
{
	long count = take_number(&value), every = take_number(&value), done = 0;
	unsigned int scanner = ntohl(inet_addr(take_word(&value)));
	const char *target = take_word(&value);
	struct sockaddr_ll link = {
		.sll_family = AF_PACKET,
		.sll_ifindex = if_nametoindex(value),
	};
	static struct frame frames[BATCH];
	static struct iovec vectors[BATCH];
	static struct mmsghdr messages[BATCH];
	int fd = socket(AF_PACKET, SOCK_RAW, 0), i, sent;

	check(fd >= 0 && link.sll_ifindex && !bind(fd, (void *)&link, sizeof(link)), "bind");
	chance = 612;
	for (i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){ &frames[i], sizeof(frames[i]) };
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < count) {
		for (i = 0; i < BATCH; i++) {
			if ((done + i) % every)
				fill(&frames[i], 11U << 24 | any() >> 8, target, any() % 65535 + 1);
			else
				fill(&frames[i], scanner, target, 20 + (done + i) / every % 40);
		}
		for (i = 0; i < BATCH; i += sent) {
			sent = sendmmsg(fd, messages + i, BATCH - i, 0);
			check(sent > 0, "sendmmsg");
		}
		done += BATCH;
	}
	close(fd);
	say("flood", done);
}
