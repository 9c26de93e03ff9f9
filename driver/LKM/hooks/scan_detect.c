// SPDX-License-Identifier: GPL-2.0-only
/*
 * A packet costs a hash, one entry of the strangers and the eight sources of a
 * set; where its source is one of them, the 32 ports and hosts of that, and
 * where it is to become one, those of all eight.  Nothing grows.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "scan_detect.h"

/* A unit of the short times: 67 ms, so that 32 bits are nine years. */
#define UNIT_SHIFT	26
/* And of when somebody was told: 8 ms, so that they are a year. */
#define TOLD_SHIFT	23

u64 ks_scan_hash(const struct ks_scan *scan, const struct ks_packet *packet, u32 net_ns)
{
	u64 source[2], hash;

	memcpy(source, packet->source, sizeof(source));
	hash = siphash_3u64(source[0], source[1], (u64)net_ns << 16 | packet->kind, &scan->key);
	return hash ? hash : 1;
}

static u32 host_of(const struct ks_packet *packet)
{
	u32 word[4], hash = 0;
	int i;

	memcpy(word, packet->target, sizeof(word));
	for (i = 0; i < 4; i++)
		hash = (hash ^ word[i]) * 0x9e3779b1U;
	return hash;
}

static u32 recent_within(const struct ks_scan_recent *recent, u32 now, u32 window)
{
	u32 i, within = 0;

	for (i = 0; i < recent->count; i++)
		within += now - recent->time[i] <= window;
	return within;
}

/* What is outside the window gives up its place, else the oldest does when there is no other. */
static void recent_touch(struct ks_scan_recent *recent, u32 key, u32 now, u32 window)
{
	u32 i, oldest = 0;

	for (i = 0; i < recent->count; i++) {
		if (recent->key[i] == key)
			break;
		if (now - recent->time[i] > now - recent->time[oldest])
			oldest = i;
	}
	if (i == recent->count) {
		if (i == KS_SCAN_KEPT || (i && now - recent->time[oldest] > window))
			i = oldest;
		else
			recent->count++;
	}
	recent->key[i] = key;
	recent->time[i] = now;
}

static void source_port(struct ks_scan_source *source, u16 port, u64 now, u32 window)
{
	u32 bit = port % KS_SCAN_PORT_BITS;

	source->seen[bit / 64] |= 1ULL << bit % 64;
	recent_touch(&source->ports, port, now >> UNIT_SHIFT, window);
	if (!source->packets++)
		source->first = now;
	source->last = now;
}

/* NULL: it is none of the set. */
static struct ks_scan_source *source_find(struct ks_scan_source *set, u64 hash)
{
	int way;

	for (way = 0; way < KS_SCAN_WAYS; way++) {
		if (set[way].hash == hash)
			return &set[way];
	}
	return NULL;
}

/* Who has tried the fewest ports, and of those who did so the longest ago. */
static struct ks_scan_source *source_victim(struct ks_scan_source *set, u64 now, u32 window)
{
	struct ks_scan_source *victim = NULL;
	u32 within, least = 0;
	int way;

	for (way = 0; way < KS_SCAN_WAYS; way++) {
		if (!set[way].hash)
			return &set[way];
		within = recent_within(&set[way].ports, now >> UNIT_SHIFT, window);
		if (!victim || within < least ||
		    (within == least && set[way].last < victim->last)) {
			victim = &set[way];
			least = within;
		}
	}
	return victim;
}

/* Who it is stays. */
static void source_restart(struct ks_scan_source *source, u64 hash)
{
	memset(source, 0, sizeof(*source));
	source->hash = hash;
}

/* false: it tries what it tried before, if anything. */
static bool stranger_is_back(struct ks_scan_stranger *stranger, u64 hash,
			     const struct ks_packet *packet, u64 now, u64 window)
{
	u32 tag = hash >> 32;
	u16 host = host_of(packet) >> 16;
	bool known = stranger->time && stranger->tag == tag && now - stranger->time <= window;

	if (known && (stranger->port != packet->port || stranger->host != host))
		return true;
	stranger->tag = tag;
	stranger->port = packet->port;
	stranger->host = host;
	stranger->time = now;
	return false;
}

struct ks_scan_source *ks_scan_find(struct ks_scan *scan, u64 hash)
{
	return source_find(scan->source[hash % KS_SCAN_SETS], hash);
}

struct ks_scan_source *ks_scan_count(struct ks_scan *scan, u64 hash,
				     const struct ks_packet *packet, u64 window, u64 now)
{
	struct ks_scan_stranger *stranger = &scan->stranger[hash % KS_SCAN_STRANGERS];
	struct ks_scan_source *set = scan->source[hash % KS_SCAN_SETS];
	struct ks_scan_source *source = source_find(set, hash);
	u32 units = (window >> UNIT_SHIFT) + 1;

	if (!source) {
		if (!stranger_is_back(stranger, hash, packet, now, window))
			return NULL;
		source = source_victim(set, now, units);
		source_restart(source, hash);
		source_port(source, stranger->port, stranger->time, units);
		stranger->time = 0;
	} else if (now - source->last > window) {
		source_restart(source, hash);
	}
	source_port(source, packet->port, now, units);
	recent_touch(&source->hosts, host_of(packet), now >> UNIT_SHIFT, units);
	return source;
}

/* Within the window, and since the rule is asked for. */
static bool was_told(u32 told, const struct ks_scan_rule *rule, u64 now)
{
	u64 age = (u32)((u32)(now >> TOLD_SHIFT) + 1 - told);

	return told && age < rule->window >> TOLD_SHIFT &&
	       age <= (now >> TOLD_SHIFT) - (rule->since >> TOLD_SHIFT);
}

bool ks_scan_tell(struct ks_scan_source *source, u32 asker, const struct ks_scan_rule *rule,
		  u64 now)
{
	u32 window = (rule->window >> UNIT_SHIFT) + 1, unit = now >> UNIT_SHIFT;

	if (was_told(source->told[asker], rule, now))
		return false;
	if (recent_within(&source->ports, unit, window) < rule->ports &&
	    (!rule->hosts || recent_within(&source->hosts, unit, window) < rule->hosts))
		return false;
	source->told[asker] = (u32)(now >> TOLD_SHIFT) + 1;
	return true;
}

void ks_scan_report(const struct ks_scan_source *source, u64 window, u64 now,
		    struct ks_scan_report *report)
{
	u32 i, bits = 0, units = (window >> UNIT_SHIFT) + 1, unit = now >> UNIT_SHIFT;

	for (i = 0; i < ARRAY_SIZE(source->seen); i++)
		bits += hweight64(source->seen[i]);
	report->first = source->first;
	report->last = source->last;
	report->packets = source->packets;
	report->ports = max(bits, recent_within(&source->ports, unit, units));
	report->hosts = recent_within(&source->hosts, unit, units);
	report->sample_count = source->ports.count;
	for (i = 0; i < source->ports.count; i++)
		report->sample[i] = source->ports.key[i];
}
