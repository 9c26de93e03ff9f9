// SPDX-License-Identifier: GPL-2.0-only
/*
 * hooks/scan_packet.c and hooks/scan_detect.c on the host.
 *
 *	scan_test parse			packets in hexadecimal on standard input, a line each
 *	scan_test count PORTS HOSTS WINDOW SINCE [...]	who ask, by four numbers each; what is sent, a
 *					line each: time in seconds, source, kind, host, port; prints a
 *					line for each report: who is told, and of what
 *	scan_test flood SOURCES EVERY SEED	spoofed sources of one port each, and a scanner with a
 *					probe in so many: packets until it is reported, 0: it is not
 *	scan_test size			bytes of all that is kept
 *	scan_test fuzz COUNT SEED	packets on standard input, from which COUNT damaged ones are made
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kernel.h>
#include <linux/skbuff.h>
#include "../../driver/LKM/hooks/scan_detect.h"
#include "check.h"

#define SEEDS	256
#define LONGEST	2048
#define SECOND	1000000000ULL

static struct sk_buff seeds[SEEDS];
static size_t seed_count;
static struct ks_scan *scan;

/* In memory of exactly that size, so that a byte too many is found. */
static bool next(struct sk_buff *packet)
{
	static char line[2 * LONGEST + 16];
	unsigned int byte;
	u8 *data;

	do {
		if (!fgets(line, sizeof(line), stdin))
			return false;
	} while (*line == '#');
	packet->len = strspn(line, "0123456789abcdef") / 2;
	data = malloc(packet->len);
	for (size_t i = 0; i < packet->len; i++) {
		CHECK(sscanf(line + 2 * i, "%2x", &byte) == 1);
		data[i] = byte;
	}
	packet->data = data;
	return true;
}

static bool is_ipv6(const struct sk_buff *packet)
{
	return packet->len && packet->data[0] >> 4 == 6;
}

static void print_bytes(const u8 *bytes)
{
	putchar(' ');
	for (int i = 0; i < 16; i++)
		printf("%02x", bytes[i]);
}

static void show(const struct sk_buff *packet)
{
	enum ks_packet_fate fate;
	struct ks_packet got;

	fate = ks_packet_parse(packet, is_ipv6(packet), &got);
	printf("%d", fate);
	if (fate == KS_PACKET_PROBE) {
		printf(" %u %u %u", got.kind, got.source_port, got.port);
		print_bytes(got.source);
		print_bytes(got.target);
	}
	putchar('\n');
}

static bool see(const struct ks_packet *packet, const struct ks_scan_rule *rule, u64 now,
		struct ks_scan_report *report)
{
	u64 hash = ks_scan_hash(scan, packet, 1);
	struct ks_scan_source *source = ks_scan_count(scan, hash, packet, rule->window, now);

	if (!source || !ks_scan_tell(source, 0, rule, now))
		return false;
	CHECK(ks_scan_find(scan, hash) == source);
	ks_scan_report(source, rule->window, now, report);
	return true;
}

static void print_report(const struct ks_scan_report *report)
{
	printf(" %u %u %llu %.3f %.3f", report->ports, report->hosts,
	       (unsigned long long)report->packets, (double)report->first / SECOND,
	       (double)report->last / SECOND);
	for (u32 i = 0; i < report->sample_count; i++)
		printf(" %u", report->sample[i]);
	putchar('\n');
}

static void count(const struct ks_scan_rule *rules, u32 askers)
{
	struct ks_scan_source *known;
	struct ks_scan_report report;
	u64 now, longest = 0;
	struct ks_packet packet = {};
	unsigned int source, kind, host, port;
	double seconds;

	for (u32 i = 0; i < askers; i++)
		longest = max(longest, rules[i].window);
	while (scanf("%lf %u %u %u %u", &seconds, &source, &kind, &host, &port) == 5) {
		memcpy(packet.source, &source, sizeof(source));
		memcpy(packet.target, &host, sizeof(host));
		packet.kind = kind;
		packet.port = port;
		now = seconds * SECOND;
		known = ks_scan_count(scan, ks_scan_hash(scan, &packet, 1), &packet, longest, now);
		for (u32 i = 0; known && i < askers; i++) {
			if (!ks_scan_tell(known, i, &rules[i], now))
				continue;
			ks_scan_report(known, rules[i].window, now, &report);
			printf("%u %u %u", i, source, kind);
			print_report(&report);
		}
	}
}

static u64 flood(u64 sources, u64 every)
{
	const struct ks_scan_rule rule = { .ports = 15, .window = 300 * SECOND };
	struct ks_scan_report report;
	struct ks_packet packet = {};
	u64 number, now = SECOND, found = 0, source;

	for (number = 1; number <= sources; number++) {
		/* 100,000 a second. */
		now += 10000;
		packet.kind = KS_SCAN_SYN;
		source = rnd() | 1;
		memcpy(packet.source, &source, sizeof(source));
		packet.port = rnd();
		CHECK(!see(&packet, &rule, now, &report));
		if (number % every)
			continue;
		memset(packet.source, 0, sizeof(packet.source));
		packet.port = number / every;
		if (see(&packet, &rule, now, &report) && !found)
			found = number;
	}
	return found;
}

/* Up to eight bytes, or a cut end. */
static void damage(struct sk_buff *packet, u8 *data)
{
	for (u64 left = rnd() % 8; left && packet->len; left--) {
		switch (rnd() % 4) {
		case 0:
			data[rnd() % packet->len] = rnd();
			break;
		case 1:
			data[rnd() % packet->len] ^= 1 << rnd() % 8;
			break;
		case 2:
			/* Where the headers are. */
			data[rnd() % 64 % packet->len] = rnd();
			break;
		default:
			packet->len = rnd() % 4 ? packet->len : rnd() % packet->len;
		}
	}
}

static void check_sources(void)
{
	const struct ks_scan_source *source;

	for (int i = 0; i < KS_SCAN_SETS * KS_SCAN_WAYS; i++) {
		source = &scan->source[i / KS_SCAN_WAYS][i % KS_SCAN_WAYS];
		CHECK(source->ports.count <= KS_SCAN_KEPT && source->hosts.count <= KS_SCAN_KEPT);
		for (u32 a = 0; a < source->ports.count; a++)
			for (u32 b = 0; b < a; b++)
				CHECK(source->ports.key[a] != source->ports.key[b]);
	}
}

/* What each packet is, then how many reports came of them. */
static void fuzz(u64 number)
{
	u64 fates[KS_PACKET_FATES] = {}, now = SECOND, reports = 0;
	struct ks_scan_rule rule = { .ports = 5, .hosts = 5, .window = SECOND };
	struct ks_scan_report report;
	enum ks_packet_fate fate;
	struct ks_packet packet;
	struct sk_buff one;
	u8 space[LONGEST], *data;

	CHECK(seed_count);
	for (u64 i = 0; i < number; i++) {
		one = seeds[rnd() % seed_count];
		memcpy(space, one.data, one.len);
		damage(&one, space);
		data = malloc(one.len);
		memcpy(data, space, one.len);
		one.data = data;
		fate = ks_packet_parse(&one, rnd() % 64 ? is_ipv6(&one) : rnd() % 2, &packet);
		CHECK(fate < KS_PACKET_FATES);
		fates[fate]++;
		now += rnd() % 1000000;
		if (!(rnd() % 65536))
			now += rnd();
		if (fate == KS_PACKET_PROBE) {
			CHECK(packet.kind >= KS_SCAN_SYN && packet.kind <= KS_SCAN_UDP);
			if (see(&packet, &rule, now, &report)) {
				reports++;
				CHECK(report.sample_count && report.sample_count <= KS_SCAN_KEPT);
				CHECK(report.ports >= rule.ports || report.hosts >= rule.hosts);
				CHECK(report.packets && report.first <= report.last);
			}
		}
		free(data);
	}
	check_sources();
	for (int i = 0; i < KS_PACKET_FATES; i++)
		printf("%llu ", (unsigned long long)fates[i]);
	printf("%llu\n", (unsigned long long)reports);
}

static int run(int argc, char **argv)
{
	struct ks_scan_rule rules[KS_SCAN_ASKERS];
	u32 askers = (argc - 2) / 4;
	struct sk_buff packet;

	if (argc == 2 && !strcmp(argv[1], "parse")) {
		while (next(&packet)) {
			show(&packet);
			free((void *)packet.data);
		}
	} else if (argc == 2 && !strcmp(argv[1], "size")) {
		printf("%zu\n", sizeof(*scan));
	} else if (argc == 2 + 4 * askers && askers <= KS_SCAN_ASKERS && !strcmp(argv[1], "count")) {
		for (u32 i = 0; i < askers; i++) {
			rules[i].ports = atoi(argv[2 + 4 * i]);
			rules[i].hosts = atoi(argv[3 + 4 * i]);
			rules[i].window = strtoull(argv[4 + 4 * i], NULL, 10) * SECOND;
			rules[i].since = strtoull(argv[5 + 4 * i], NULL, 10) * SECOND;
		}
		count(rules, askers);
	} else if (argc == 5 && !strcmp(argv[1], "flood")) {
		random_state = strtoull(argv[4], NULL, 10) | 1;
		printf("%llu\n", (unsigned long long)flood(strtoull(argv[2], NULL, 10),
							   strtoull(argv[3], NULL, 10)));
	} else if (argc == 4 && !strcmp(argv[1], "fuzz")) {
		while (seed_count < SEEDS && next(&seeds[seed_count]))
			seed_count++;
		random_state = strtoull(argv[3], NULL, 10) | 1;
		fuzz(strtoull(argv[2], NULL, 10));
		while (seed_count)
			free((void *)seeds[--seed_count].data);
	} else {
		return 2;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int status;

	scan = calloc(1, sizeof(*scan));
	scan->key.key[0] = 0x0123456789abcdefULL;
	scan->key.key[1] = 0x02468ace13579bdfULL;
	status = run(argc, argv);
	free(scan);
	return status;
}
