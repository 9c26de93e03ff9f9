// SPDX-License-Identifier: GPL-2.0-only
/*
 * A source tries many ports.  No packet is recorded: scan_detect.c counts, and
 * what makes a scan of them by a session's rule makes a record for it.
 *
 * Answers to what this host asks look like a scan of it: a UDP packet, or an
 * ACK, to a port that connections are given (ip_local_port_range, and the
 * range that other systems take, as packets are seen that are only passed on)
 * is none, nor is a UDP packet of a service (a port below 1024) to a port
 * that is none, as resolvers take any port to ask from.
 */
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/netdevice.h>
#include <linux/preempt.h>
#include <linux/random.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>
#include <net/ip.h>
#include <net/net_namespace.h>
#include "../compat/netfilter.h"
#include "../core/about.h"
#include "../core/record.h"
#include "../core/session.h"
#include "../engine/hook.h"
#include "scan_detect.h"

/* Records a second: a host that is attacked from everywhere has other worries. */
#define MOST		100
/* What other systems give their connections (RFC 6335). */
#define DYNAMIC_PORTS	49152
#define SERVICES	1024

/* Writable: of the host, for all sessions that do not say otherwise (SET_PORT_SCAN). */
static unsigned int scan_ports = 15;
module_param(scan_ports, uint, 0644);
MODULE_PARM_DESC(scan_ports, "distinct ports of one source within scan_window that are a scan, 2 to 32");

static unsigned int scan_hosts;
module_param(scan_hosts, uint, 0644);
MODULE_PARM_DESC(scan_hosts, "distinct hosts, likewise, 32 at most; 0: hosts do not matter");

static unsigned int scan_window = 300;
module_param(scan_window, uint, 0644);
MODULE_PARM_DESC(scan_window, "seconds, a day at most");

static bool scan_loopback;
module_param(scan_loopback, bool, 0644);
MODULE_PARM_DESC(scan_loopback, "packets of this host to itself are looked at, too");

static struct ks_scan *scan;
static raw_spinlock_t locks[KS_SCAN_LOCKS];
static atomic64_t fates[KS_PACKET_FATES];

static const char * const fate_names[KS_PACKET_FATES] = {
	[KS_PACKET_FRAGMENT] = "fragment",
	[KS_PACKET_SHORT] = "short",
	[KS_PACKET_LENGTH] = "length",
	[KS_PACKET_EXTENSIONS] = "extensions",
};

/* A line a reason: packets that could not be looked at, since load. */
static int fates_show(char *buffer, const struct kernel_param *parameter)
{
	int fate, length = 0;

	for (fate = KS_PACKET_FRAGMENT; fate < KS_PACKET_FATES; fate++)
		length += scnprintf(buffer + length, PAGE_SIZE - length, "%s %lld\n",
				    fate_names[fate], (long long)atomic64_read(&fates[fate]));
	return length;
}

static const struct kernel_param_ops fates_ops = {
	.get = fates_show,
};

module_param_cb(scan_ignored, &fates_ops, NULL, 0444);
MODULE_PARM_DESC(scan_ignored, "packets that could not be looked at, by reason");

static bool is_answer(const struct ks_packet *packet, const struct net *net)
{
	int low, high;

	if (packet->kind != KS_SCAN_ACK && packet->kind != KS_SCAN_UDP)
		return false;
	if (packet->port >= DYNAMIC_PORTS)
		return true;
	if (packet->kind == KS_SCAN_UDP && packet->source_port < SERVICES &&
	    packet->port >= SERVICES)
		return true;
	inet_get_local_port_range((struct net *)net, &low, &high);
	return packet->port >= low && packet->port <= high;
}

static void put_ports(struct ks_record *record, struct ks_event_port_scan *e,
		      const struct ks_scan_report *report)
{
	size_t used = 0, room = KS_SCAN_KEPT * sizeof("65535");
	char *text = ks_record_room(record, &room);
	u32 i;

	for (i = 0; text && i < report->sample_count; i++)
		/* With its NUL, which ends each string of a vector. */
		used += scnprintf(text + used, room - used, "%u", report->sample[i]) + 1;
	if (text)
		ks_record_keep(record, &e->ports, text, used);
}

/* Who is to be told, a bit each, of what within which time. */
struct telling {
	u32 sessions;
	u64 window;
	struct ks_scan_report report;
};

static void record_scan(struct ks_hook *hook, const struct nf_hook_state *state,
			const struct ks_packet *packet, const struct telling *telling)
{
	const struct ks_scan_report *report = &telling->report;
	const struct ks_about about = {
		.address = packet->source,
		.family = state->pf == NFPROTO_IPV6 ? AF_INET6 : AF_INET,
		.nobody = true,
	};
	struct ks_event_port_scan *e;
	struct ks_record *record;

	record = ks_record_begin_nobody(hook, port_scan, telling->sessions, &about);
	if (!record)
		return;
	e = ks_record_event(record, port_scan);
	e->family = about.family;
	e->kind = packet->kind;
	memcpy(e->remote_address, packet->source, sizeof(packet->source));
	memcpy(e->local_address, packet->target, sizeof(packet->target));
	e->remote_port = packet->source_port;
	e->distinct_ports = report->ports;
	e->distinct_hosts = report->hosts;
	e->packets = report->packets;
	e->first_time = report->first;
	e->last_time = report->last;
	e->window = div_u64(telling->window, NSEC_PER_SEC);
	e->interface = state->in->ifindex;
	e->scanned_net_ns = state->net->ns.inum;
	put_ports(record, e, report);
	ks_record_commit(record);
}

/* What a session calls a scan; false: it does not want this packet. */
static bool rule_of(const struct ks_session *session, bool loopback, struct ks_scan_rule *rule)
{
	const union ks_port_scan asked = { .whole = READ_ONCE(session->port_scan.whole) };
	u32 window = READ_ONCE(scan_window);

	if (loopback && !(asked.set & KSONDE_PORT_SCAN_LOOPBACK ? asked.loopback :
								  READ_ONCE(scan_loopback)))
		return false;
	rule->ports = asked.set & KSONDE_PORT_SCAN_PORTS ? asked.ports :
			clamp_t(u32, READ_ONCE(scan_ports), 2, KS_SCAN_KEPT);
	rule->hosts = asked.set & KSONDE_PORT_SCAN_HOSTS ? asked.hosts :
			min_t(u32, READ_ONCE(scan_hosts), KS_SCAN_KEPT);
	window = asked.set & KSONDE_PORT_SCAN_WINDOW ? asked.window :
			clamp_t(u32, window, 1, KSONDE_PORT_SCAN_WINDOW_MAX);
	rule->window = window * (u64)NSEC_PER_SEC;
	rule->since = READ_ONCE(session->judged_since);
	return true;
}

/* Of those that want the event, which want this packet; longest: the window of any of them. */
static u32 who_asks(bool loopback, u64 *longest)
{
	u32 left, sessions = 0;
	const struct ks_session *session;
	struct ks_scan_rule rule;

	*longest = 0;
	for (left = READ_ONCE(ks_wanted[KS_EV_port_scan]); left; left &= left - 1) {
		session = rcu_dereference_sched(ks_sessions[__ffs(left)]);
		if (!session || !rule_of(session, loopback, &rule))
			continue;
		sessions |= left & -left;
		*longest = max(*longest, rule.window);
	}
	return sessions;
}

/* Those of the sessions that are to be told, as far as they have the same window. */
static void tell(struct ks_scan_source *source, u32 sessions, u64 now, struct telling *telling)
{
	const struct ks_session *session;
	struct ks_scan_rule rule;

	for (; sessions; sessions &= sessions - 1) {
		session = rcu_dereference_sched(ks_sessions[__ffs(sessions)]);
		if (!session || !rule_of(session, false, &rule) ||
		    (telling->sessions && rule.window != telling->window) ||
		    !ks_scan_tell(source, __ffs(sessions), &rule, now))
			continue;
		telling->sessions |= sessions & -sessions;
		telling->window = rule.window;
	}
	if (telling->sessions)
		ks_scan_report(source, telling->window, now, &telling->report);
}

/* Bottom halves are off: nobody comes in between who would want the same lock. */
static void count(struct ks_hook *hook, const struct nf_hook_state *state,
		  const struct ks_packet *packet, u32 sessions, u64 longest)
{
	u64 hash = ks_scan_hash(scan, packet, state->net->ns.inum);
	raw_spinlock_t *lock = &locks[hash % KS_SCAN_LOCKS];
	u64 now = ktime_get_boot_fast_ns();
	struct ks_scan_source *source;
	struct telling telling;
	bool counted = false;

	do {
		telling.sessions = 0;
		raw_spin_lock(lock);
		source = counted ? ks_scan_find(scan, hash) :
				   ks_scan_count(scan, hash, packet, longest, now);
		if (source)
			tell(source, sessions, now, &telling);
		raw_spin_unlock(lock);
		counted = true;
		if (telling.sessions)
			record_scan(hook, state, packet, &telling);
		sessions &= ~telling.sessions;
	} while (telling.sessions && sessions);
}

/* Preemption is off, as sessions are looked at. */
static void look_at(struct ks_hook *hook, const struct sk_buff *skb,
		    const struct nf_hook_state *state)
{
	enum ks_packet_fate fate;
	struct ks_packet packet;
	u32 sessions;
	u64 longest;

	sessions = who_asks(state->in->flags & IFF_LOOPBACK, &longest);
	if (!sessions)
		return;
	fate = ks_packet_parse(skb, state->pf == NFPROTO_IPV6, &packet);
	if (fate == KS_PACKET_PROBE && !is_answer(&packet, state->net))
		count(hook, state, &packet, sessions, longest);
	else if (fate > KS_PACKET_OTHER)
		atomic64_inc(&fates[fate]);
}

static void packet_comes(struct ks_hook *hook, const struct sk_buff *skb,
			 const struct nf_hook_state *state)
{
	/* To many hosts: nobody scans so, and what announces itself does. */
	if (skb->pkt_type != PACKET_HOST || !ks_is_wanted(port_scan))
		return;
	preempt_disable_notrace();
	look_at(hook, skb, state);
	preempt_enable_notrace();
}

static int prepare(void)
{
	int i;

	BUILD_BUG_ON(KS_SCAN_ASKERS < KS_SESSIONS_MAX || KS_SCAN_KEPT != KSONDE_PORT_SCAN_KEPT);
	scan = vzalloc(sizeof(*scan));
	if (!scan)
		return -ENOMEM;
	get_random_bytes(&scan->key, sizeof(scan->key));
	for (i = 0; i < KS_SCAN_LOCKS; i++)
		raw_spin_lock_init(&locks[i]);
	return 0;
}

/* No packet is looked at any more. */
static void release(void)
{
	vfree(scan);
	scan = NULL;
}

static const struct ks_point points[] = {
	KS_NETFILTER("PRE_ROUTING", packet_comes),
	{}
};

struct ks_hook ks_hook_port_scan = {
	.name = "port_scan",
	.event = KS_EV_port_scan,
	.most = MOST,
	.points = points,
	.prepare = prepare,
	.release = release,
};
