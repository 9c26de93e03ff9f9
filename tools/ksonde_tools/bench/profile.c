// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin of QEMU: how many instructions ran at each address between the two
 * marks of workloads.c.  The declarations are those of QEMU's plugin
 * interface, version 1, whose header Debian does not ship.
 *
 *	qemu-system-x86_64 ... -plugin profile.so,out=PREFIX
 *
 * writes PREFIX.0, PREFIX.1, ... : one file for each pair of marks, with lines
 * "address instructions".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info qemu_info_t;
typedef void (*tb_callback)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*exec_callback)(unsigned int cpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_callback cb);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op,
					      void *pointer, uint64_t add);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    exec_callback cb, int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

#define BUCKETS 65536

struct counter {
	struct counter *next;
	uint64_t address;
	uint64_t instructions;
};

static struct counter *buckets[BUCKETS];
static const char *prefix = "profile";
static int files;

/* "nopl MARK(%rax)": does nothing, and no compiler writes it by chance. */
static const uint8_t mark_begin[] = { 0x0f, 0x1f, 0x80, 0x01, 0x6f, 0x73, 0x6b };
static const uint8_t mark_end[] = { 0x0f, 0x1f, 0x80, 0x02, 0x6f, 0x73, 0x6b };

static struct counter *counter_of(uint64_t address)
{
	struct counter **at = &buckets[(address ^ address >> 16) % BUCKETS];

	while (*at && (*at)->address != address)
		at = &(*at)->next;
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		(*at)->address = address;
	}
	return *at;
}

static void begin(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct counter *c = buckets[i]; c; c = c->next)
			c->instructions = 0;
}

static void end(unsigned int cpu, void *data)
{
	char name[4096];
	FILE *out;

	(void)cpu;
	(void)data;
	snprintf(name, sizeof(name), "%s.%d", prefix, files++);
	out = fopen(name, "w");
	if (!out)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct counter *c = buckets[i]; c; c = c->next)
			if (c->instructions)
				fprintf(out, "%llx %llu\n", (unsigned long long)c->address,
					(unsigned long long)c->instructions);
	fclose(out);
}

static bool is(const struct qemu_plugin_insn *insn, const uint8_t *mark, size_t size)
{
	return qemu_plugin_insn_size(insn) == size &&
	       !memcmp(qemu_plugin_insn_data(insn), mark, size);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (is(insn, mark_begin, sizeof(mark_begin)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, 0, NULL);
		else if (is(insn, mark_end, sizeof(mark_end)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, end, 0, NULL);
	}
	qemu_plugin_register_vcpu_tb_exec_inline(
		tb, 0, &counter_of(qemu_plugin_tb_vaddr(tb))->instructions, count);
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			prefix = strdup(argv[i] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
