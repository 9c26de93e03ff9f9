// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rules of a session: SET_RULES as probes read it.
 */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/nsproxy.h>
#include <linux/percpu.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "../compat/cgroup.h"
#include "../compat/mnt_namespace.h"
#include "../compat/rcupdate.h"
#include "../compat/uaccess.h"
#include "../context/cache.h"
#include "../context/context.h"
#include "../events/events.h"
#include "about.h"
#include "network.h"
#include "rules.h"
#include "schema.h"

/* What is asked of the task that acts. */
#define MATCH_TASK	(KSONDE_MATCH_UID | KSONDE_MATCH_PROCESS | KSONDE_MATCH_EXE | \
			 KSONDE_MATCH_EXE_PREFIX | KSONDE_MATCH_MNT_NS | \
			 KSONDE_MATCH_PID_NS | KSONDE_MATCH_CGROUP)
#define MATCH_ALL	(MATCH_TASK | KSONDE_MATCH_PATH_PREFIX | KSONDE_MATCH_NETWORK)
#define MATCH_EXES	(KSONDE_MATCH_EXE | KSONDE_MATCH_EXE_PREFIX)

struct ks_rule {
	u64 events;		/* a bit for each enum ks_event_index */
	struct ks_network network;
	struct ksonde_rule is;
};

struct ks_rules {
	u64 events;		/* that any rule is about */
	u64 included;		/* that an include rule is about */
	u64 watched;		/* likewise, and it asks for a path */
	u32 count;
	char __percpu *paths;	/* room for one, where a rule asks for it */
	u64 __percpu *records;	/* a counter each, and that of no include rule */
	struct ks_rule rule[];
};

#define PATH_ROOM	(KSONDE_STRING_MAX + 1)

/* The current task and what the event is about, as far as rules asked. */
struct ks_asked {
	int exe_length;		/* -2: not looked for yet, -1: not known */
	int path_length;
	const struct ks_about *about;	/* may be NULL */
	const char *path;
	char *room;		/* for it, PATH_ROOM bytes */
	char exe[KS_EXE_MAX];
};

enum ks_answer { NO, YES, UNKNOWN };

static enum ks_answer both(enum ks_answer one, enum ks_answer other)
{
	if (one == NO || other == NO)
		return NO;
	return one == UNKNOWN ? one : other;
}

static enum ks_answer exe_matches(const struct ksonde_rule *rule, struct ks_asked *asked)
{
	if (asked->exe_length == -2)
		asked->exe_length = ks_process_exe(asked->exe);
	if (asked->exe_length < 0)
		return UNKNOWN;
	if (rule->match & KSONDE_MATCH_EXE ? asked->exe_length != rule->exe_length :
					     asked->exe_length < rule->exe_length)
		return NO;
	return memcmp(asked->exe, rule->exe, rule->exe_length) ? NO : YES;
}

static void path_look_for(struct ks_asked *asked)
{
	const struct path *path = asked->about ? asked->about->path : NULL;

	asked->path = path ? ks_path_format(path, asked->room, PATH_ROOM) : NULL;
	asked->path_length = asked->path ?
		strnlen(asked->path, asked->room + PATH_ROOM - asked->path) : -1;
}

static enum ks_answer path_matches(const struct ksonde_rule *rule, struct ks_asked *asked)
{
	if (asked->path_length == -2)
		path_look_for(asked);
	if (asked->path_length < 0)
		return UNKNOWN;
	return asked->path_length >= rule->path_length &&
	       !memcmp(asked->path, rule->path, rule->path_length) ? YES : NO;
}

static bool process_matches(const struct ksonde_rule *rule)
{
	return (u32)current->tgid == rule->tgid &&
	       ks_process_start_time(current) == rule->start_time;
}

static bool cgroup_matches(const struct ksonde_rule *rule)
{
	u64 cgroup;

	return ks_current_cgroup(&cgroup) && cgroup == rule->cgroup;
}

/* As the context block tells it (context/identity.c). */
static enum ks_answer task_matches(const struct ksonde_rule *rule, struct ks_asked *asked)
{
	enum ks_answer answer = YES;
	const struct nsproxy *proxy;
	u32 match = rule->match;

	if (match & KSONDE_MATCH_UID && __kuid_val(current_real_cred()->uid) != rule->uid)
		return NO;
	if (match & KSONDE_MATCH_PROCESS && !process_matches(rule))
		return NO;
	if (match & KSONDE_MATCH_PID_NS &&
	    ns_of_pid(task_pid(current))->ns.inum != rule->pid_ns)
		return NO;
	if (match & KSONDE_MATCH_CGROUP && !cgroup_matches(rule))
		return NO;
	if (match & KSONDE_MATCH_MNT_NS) {
		proxy = READ_ONCE(current->nsproxy);
		if (!proxy)
			answer = UNKNOWN;
		else if (ks_mnt_ns_inum(proxy->mnt_ns) != rule->mnt_ns)
			return NO;
	}
	if (match & MATCH_EXES)
		answer = both(answer, exe_matches(rule, asked));
	return answer;
}

static enum ks_answer rule_matches(const struct ks_rule *rule, struct ks_asked *asked)
{
	const struct ks_about *about = asked->about;
	enum ks_answer answer = YES;
	u32 match = rule->is.match;

	if (match & KSONDE_MATCH_NETWORK &&
	    (!about || !ks_network_has(&rule->network, about->family, about->address)))
		return NO;
	if (match & MATCH_TASK)
		answer = about && about->nobody ? UNKNOWN : task_matches(&rule->is, asked);
	/* Last: it is made for this. */
	if (answer != NO && match & KSONDE_MATCH_PATH_PREFIX)
		answer = both(answer, path_matches(&rule->is, asked));
	return answer;
}

/* Which rule decides: an exclude rule, else an include rule, else -1; in doubt it is recorded. */
static int rules_decide(const struct ks_rules *rules, u64 event, const struct ks_about *about)
{
	const struct ks_rule *rule;
	struct ks_asked asked;
	enum ks_answer answer;
	int i, included = -1;

	asked.exe_length = -2;
	asked.path_length = -2;
	asked.about = about;
	asked.room = rules->paths ? this_cpu_ptr(rules->paths) : NULL;
	for (i = 0; i < rules->count; i++) {
		rule = &rules->rule[i];
		/* One that lets it through is enough. */
		if (!(rule->events & event) ||
		    (included >= 0 && rule->is.action == KSONDE_RULE_INCLUDE))
			continue;
		answer = rule_matches(rule, &asked);
		if (answer == YES && rule->is.action == KSONDE_RULE_EXCLUDE)
			return i;
		if (answer != NO && rule->is.action == KSONDE_RULE_INCLUDE)
			included = i;
	}
	return included;
}

u64 ks_rules_watch(const struct ks_rules *rules)
{
	return rules ? rules->watched : 0;
}

bool ks_rules_hold_back(const struct ks_rules *rules, u32 event, const struct ks_about *about)
{
	u64 bit = BIT_ULL(event);
	int decides;

	if (!(rules->events & bit))
		return false;
	ks_probe_read_lock();
	decides = rules_decide(rules, bit, about);
	ks_probe_read_unlock();
	if (decides >= 0) {
		this_cpu_inc(rules->records[decides]);
		return rules->rule[decides].is.action == KSONDE_RULE_EXCLUDE;
	}
	if (!(rules->included & bit))
		return false;
	this_cpu_inc(rules->records[rules->count]);
	return true;
}

/* -EINVAL: an event that is not known. */
static int rule_events(struct ks_rule *rule)
{
	unsigned int event, word, known = 0, asked = 0;
	u16 id;

	for (word = 0; word < ARRAY_SIZE(rule->is.events); word++)
		asked += hweight64(rule->is.events[word]);
	if (!asked) {
		rule->events = ~0ULL;
		return 0;
	}
	for (event = 0; event < KS_EVENTS; event++) {
		id = ks_event_ids[event];
		if (!(rule->is.events[id / 64] & BIT_ULL(id % 64)))
			continue;
		rule->events |= BIT_ULL(event);
		known++;
	}
	return known == asked ? 0 : -EINVAL;
}

static bool text_is_valid(const u8 *text, u32 length, bool asked)
{
	if (length > KSONDE_RULE_EXE_MAX || asked != !!length)
		return false;
	return !memchr(text, 0, length) &&
	       !memchr_inv(text + length, 0, KSONDE_RULE_EXE_MAX - length);
}

static bool rule_is_valid(const struct ksonde_rule *rule)
{
	u32 match = rule->match;

	/* What is not asked is 0: a later version may give it a meaning. */
	if (rule->action > KSONDE_RULE_INCLUDE || match & ~MATCH_ALL ||
	    (match & MATCH_EXES) == MATCH_EXES ||
	    (!(match & KSONDE_MATCH_UID) && rule->uid) ||
	    (!(match & KSONDE_MATCH_PROCESS) && (rule->tgid || rule->start_time)) ||
	    (!(match & KSONDE_MATCH_MNT_NS) && rule->mnt_ns) ||
	    (!(match & KSONDE_MATCH_PID_NS) && rule->pid_ns) ||
	    (!(match & KSONDE_MATCH_CGROUP) && rule->cgroup) ||
	    (!(match & KSONDE_MATCH_NETWORK) &&
	     (rule->family || rule->prefix || memchr_inv(rule->network, 0, sizeof(rule->network)))))
		return false;
	return text_is_valid(rule->exe, rule->exe_length, match & MATCH_EXES) &&
	       text_is_valid(rule->path, rule->path_length, match & KSONDE_MATCH_PATH_PREFIX);
}

/* -EINVAL: no such network. */
static int rule_network(struct ks_rule *rule)
{
	struct ks_network *network = &rule->network;

	network->family = rule->is.family;
	network->prefix = rule->is.prefix;
	memcpy(network->bytes, rule->is.network, sizeof(network->bytes));
	return !(rule->is.match & KSONDE_MATCH_NETWORK) || ks_network_is_valid(network) ?
	       0 : -EINVAL;
}

/* -EINVAL: it asks what not all of its events have. */
static int rule_about(const struct ks_rule *rule)
{
	if (rule->is.match & KSONDE_MATCH_PATH_PREFIX && rule->events & ~KS_RULES_OF_PATHS)
		return -EINVAL;
	if (rule->is.match & KSONDE_MATCH_NETWORK && rule->events & ~KS_RULES_OF_ADDRESSES)
		return -EINVAL;
	return 0;
}

static int rule_make(struct ks_rule *rule, const void __user *from, size_t size)
{
	int err = copy_struct_from_user(&rule->is, sizeof(rule->is), from, size);

	if (err)
		return err;
	if (!rule_is_valid(&rule->is))
		return -EINVAL;
	if (rule->is.match & KSONDE_MATCH_CGROUP && !IS_ENABLED(CONFIG_CGROUPS))
		return -EOPNOTSUPP;
	err = rule_events(rule);
	if (!err)
		err = rule_about(rule);
	return err ? err : rule_network(rule);
}

static struct ks_rules *rules_alloc(u32 count)
{
	struct ks_rules *rules;

	rules = kvzalloc(sizeof(*rules) + count * sizeof(rules->rule[0]), GFP_KERNEL_ACCOUNT);
	if (!rules)
		return NULL;
	rules->records = __alloc_percpu_gfp((count + 1) * sizeof(u64), sizeof(u64),
					    GFP_KERNEL_ACCOUNT);
	if (!rules->records) {
		kvfree(rules);
		return NULL;
	}
	rules->count = count;
	return rules;
}

/* What all rules together are about; -ENOMEM. */
static int rules_sum_up(struct ks_rules *rules)
{
	const struct ks_rule *rule;
	u64 of_paths = 0;
	u32 i;

	for (i = 0; i < rules->count; i++) {
		rule = &rules->rule[i];
		rules->events |= rule->events;
		if (rule->is.match & KSONDE_MATCH_PATH_PREFIX)
			of_paths |= rule->events;
		if (rule->is.action != KSONDE_RULE_INCLUDE)
			continue;
		rules->included |= rule->events;
		if (rule->is.match & KSONDE_MATCH_PATH_PREFIX)
			rules->watched |= rule->events;
	}
	if (of_paths)
		rules->paths = __alloc_percpu_gfp(PATH_ROOM, sizeof(long), GFP_KERNEL_ACCOUNT);
	return of_paths && !rules->paths ? -ENOMEM : 0;
}

struct ks_rules *ks_rules_make(const struct ksonde_rules *asked)
{
	struct ks_rules *rules;
	int err = 0;
	u32 i;

	if (asked->reserved || asked->rule_size > PAGE_SIZE)
		return ERR_PTR(asked->reserved ? -EINVAL : -E2BIG);
	if (asked->count > KSONDE_RULES_MAX)
		return ERR_PTR(-E2BIG);
	if (!asked->count)
		return NULL;
	if (asked->rule_size < 2 * sizeof(u32))
		return ERR_PTR(-EINVAL);
	rules = rules_alloc(asked->count);
	if (!rules)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < asked->count && !err; i++)
		err = rule_make(&rules->rule[i],
				u64_to_user_ptr(asked->rules + (u64)i * asked->rule_size),
				asked->rule_size);
	if (!err)
		err = rules_sum_up(rules);
	if (err) {
		ks_rules_free(rules);
		return ERR_PTR(err);
	}
	return rules;
}

void ks_rules_free(struct ks_rules *rules)
{
	if (!rules)
		return;
	free_percpu(rules->paths);
	free_percpu(rules->records);
	kvfree(rules);
}

int ks_rules_count(const struct ks_rules *rules, u32 index, u64 *records)
{
	unsigned int cpu;
	u64 sum = 0;

	if (!rules)
		return -ENOENT;
	if (index == KSONDE_RULE_NONE)
		index = rules->count;
	else if (index >= rules->count)
		return -ENOENT;
	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(rules->records, cpu)[index]);
	*records = sum;
	return 0;
}
