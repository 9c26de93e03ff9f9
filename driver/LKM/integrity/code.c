// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing but code is handed out, and what the kernel itself knows of a place
 * in it: a kprobe, a trampoline.  What it should be is not judged here.
 */
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include "../compat/ibt.h"
#include "../compat/kallsyms.h"
#include "../compat/module.h"
#include "../compat/uaccess.h"
#include "../core/text.h"
#include "../engine/owner.h"
#include "code.h"
#include "probed.h"

/* A kprobe that is a jump has changed the bytes behind its address, too. */
#define CODE_JUMP	5

/* Between __start_X and __stop_X: places that are patched while the kernel runs. */
static const char * const code_names[] = {
	"_text", "_stext", "_etext",
	"__start_mcount_loc", "__stop_mcount_loc",
	"__start___jump_table", "__stop___jump_table",
	"__start_static_call_sites", "__stop_static_call_sites",
	"__static_call_text_start", "__static_call_text_end",
	"__alt_instructions", "__alt_instructions_end",
	"ftrace_call", "ftrace_graph_call", "ftrace_regs_call", "ftrace_caller",
	"ftrace_graph_regs_call", "ftrace_location_range", "ftrace_lock",
	"jump_label_text_reserved", "static_call_text_reserved",
	"ftrace_regs_caller", "__fentry__", "hypercall_page",
	"__x86_return_thunk", "__x86_indirect_thunk_array",
	"bpf_dispatcher_xdp_func",
};

struct code_known {
	bool looked;
	struct ks_probed probed;
	struct module *(*module)(unsigned long address);
	unsigned long end;		/* of the kernel's text */
	unsigned long address[ARRAY_SIZE(code_names)];
	struct ks_owner owner;
};

static struct code_known code_known;
/* Of looked, and what it is about until then. */
static DEFINE_MUTEX(code_lock);

static KS_EACH_SYMBOL(code_symbol)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(code_names); i++) {
		if (!code_known.address[i] && !strcmp(name, code_names[i]))
			code_known.address[i] = address;
	}
	return 0;
}

static void code_look_once(void)
{
	unsigned long each;
	unsigned int i;

	lockdep_assert_held(&code_lock);
	if (code_known.looked)
		return;
	each = ks_callable(ks_symbol("kallsyms_on_each_symbol"));
	if (!each || ks_each_symbol(each, code_symbol, NULL) < 0) {
		for (i = 0; i < ARRAY_SIZE(code_names); i++)
			code_known.address[i] = ks_symbol(code_names[i]);
	}
	code_known.end = ks_symbol("_etext");
	ks_probed_init(&code_known.probed);
	code_known.module = (void *)ks_callable(ks_symbol("__module_text_address"));
	code_known.looked = true;
}

/* What belongs to the kernel itself stays where it is. */
static void code_look(void)
{
	mutex_lock(&code_lock);
	code_look_once();
	mutex_unlock(&code_lock);
}

unsigned long ks_code_symbol(const char *name)
{
	unsigned int i;

	code_look();
	for (i = 0; i < ARRAY_SIZE(code_names); i++) {
		if (!strcmp(name, code_names[i]))
			return code_known.address[i];
	}
	WARN_ON_ONCE(1);
	return 0;
}

int ks_code_layout(struct ks_text *text)
{
	bool first = true;
	unsigned int i;

	code_look();
	ks_text_add(text, "\"symbols\":{");
	for (i = 0; i < ARRAY_SIZE(code_names); i++) {
		if (!code_known.address[i])
			continue;
		ks_text_add(text, "%s\"%s\":%lu", first ? "" : ",", code_names[i],
			    code_known.address[i]);
		first = false;
	}
	ks_text_add(text, "}");
	return 0;
}

/* How far before address a kprobe is; -1: none, -2: nobody can be asked. */
static int code_kprobe(unsigned long address)
{
	int before;

	if (!code_known.probed.kprobe)
		return -2;
	for (before = 0; before < CODE_JUMP; before++) {
		if (ks_probed_at(&code_known.probed, address - before))
			return before;
	}
	return -1;
}

int ks_code_place(struct ks_text *text, unsigned long address)
{
	struct ks_owner *owner = &code_known.owner;

	code_look();
	ks_text_add(text, "\"place\":");
	ks_owner_write(text, owner, address, true);
	ks_text_add(text, ",\"kprobe\":%d,\"trampoline\":%s,\"judged\":%s", code_kprobe(address),
		    ks_probed_target(&code_known.probed, owner, address) ? "true" : "false",
		    code_known.probed.blind ? "false" : "true");
	return 0;
}

u32 ks_code_left(u64 address)
{
	unsigned long begin = address, size = 0;
	const struct module *module;

	code_look();
	if (ks_owner_is_kernel(begin)) {
		size = code_known.end - begin;
	} else if (code_known.module) {
		preempt_disable();
		module = code_known.module(begin);
		if (module) {
			begin = ks_module_text(module, &size);
			/* Code of its init, or in another place. */
			size = address - begin < size ? begin + size - address : 0;
		}
		preempt_enable();
	}
	return min_t(unsigned long, size, U32_MAX);
}

bool ks_code_read(void *to, u64 address, u32 size)
{
	/* Asked afterwards: what was read may have become something else meanwhile. */
	return !copy_from_kernel_nofault(to, (void *)(unsigned long)address, size) &&
	       ks_code_left(address) >= size;
}
