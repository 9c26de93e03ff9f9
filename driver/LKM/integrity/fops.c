// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of operations that somebody who hides would change: of the folders
 * where processes, devices and files are listed, of what lists connections,
 * and of sockets.  A table is found by what uses it, and by its symbol where
 * it is known; both must lead to the same one.  A slot has code of the kernel,
 * or of the module that the table is of.
 */
#include <linux/err.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "../compat/fops.h"
#include "../compat/mm.h"
#include "../compat/uaccess.h"
#include "../engine/hook.h"
#include "probed.h"
#include "scan.h"

/* Tables that are looked at; each only once. */
#define FOPS_TABLES_MAX	64

enum fops_shape {
	FOPS_FILE,
	FOPS_INODE,
	FOPS_SEQ,
	FOPS_SOCKET,
	FOPS_PROTOCOL,
};

struct fops_look {
	struct ks_scan *scan;
	struct ks_probed probed;
	u32 count;
	unsigned long tables[FOPS_TABLES_MAX];
	/* Of the table that is being looked at. */
	const char *path;
	char name[KSYM_NAME_LEN];
	char module[MODULE_NAME_LEN];	/* "": the kernel itself */
};

static const struct {
	const char *name;
	size_t size;
	size_t owner;		/* offset of what is no slot; 0, where a slot is: none */
	const struct ks_slot *slots;
	u32 count;
	bool named_only;
} fops_shapes[] = {
	[FOPS_FILE] = { "file_operations", sizeof(const struct file_operations),
			offsetof(const struct file_operations, owner),
			ks_slots_file, ARRAY_SIZE(ks_slots_file) },
	[FOPS_INODE] = { "inode_operations", sizeof(const struct inode_operations), SIZE_MAX,
			 ks_slots_inode, ARRAY_SIZE(ks_slots_inode) },
	[FOPS_SEQ] = { "seq_operations", sizeof(const struct seq_operations), SIZE_MAX,
		       ks_slots_seq, ARRAY_SIZE(ks_slots_seq) },
	[FOPS_SOCKET] = { "proto_ops", sizeof(const struct proto_ops),
			  offsetof(const struct proto_ops, owner),
			  ks_slots_socket, ARRAY_SIZE(ks_slots_socket) },
	[FOPS_PROTOCOL] = { "proto", sizeof(struct proto), SIZE_MAX,
			    ks_slots_protocol, ARRAY_SIZE(ks_slots_protocol), true },
};

/* What is in a slot where that is known. */
static const struct {
	const char *table;
	const char *slot;
	const char *function;
} fops_expected[] = {
	{ "proc_root_operations", "iterate_shared", "proc_root_readdir" },
	{ "proc_root_inode_operations", "lookup", "proc_root_lookup" },
	{ "proc_tgid_base_operations", "iterate_shared", "proc_tgid_base_readdir" },
	{ "proc_tgid_base_inode_operations", "lookup", "proc_tgid_base_lookup" },
	{ "tcp4_seq_ops", "show", "tcp4_seq_show" },
	{ "tcp6_seq_ops", "show", "tcp6_seq_show" },
	{ "udp_seq_ops", "show", "udp4_seq_show" },
	{ "udp6_seq_ops", "show", "udp6_seq_show" },
	{ "unix_seq_ops", "show", "unix_seq_show" },
	{ "packet_seq_ops", "show", "packet_seq_show" },
	{ "raw_seq_ops", "show", "raw_seq_show" },
};

static const struct {
	const char *path;
	const char *file;	/* symbols of its tables; NULL: the file system's */
	const char *inode;
} fops_folders[] = {
	{ "/proc", "proc_root_operations", "proc_root_inode_operations" },
	{ "/proc/self", "proc_tgid_base_operations", "proc_tgid_base_inode_operations" },
	{ "/" },
	{ "/etc" },
	{ "/dev" },
	{ "/sys" },
};

static const struct {
	const char *path;
	const char *seq;
} fops_lists[] = {
	{ "/proc/net/tcp", "tcp4_seq_ops" },
	{ "/proc/net/tcp6", "tcp6_seq_ops" },
	{ "/proc/net/udp", "udp_seq_ops" },
	{ "/proc/net/udp6", "udp6_seq_ops" },
	{ "/proc/net/raw", "raw_seq_ops" },
	{ "/proc/net/unix", "unix_seq_ops" },
	{ "/proc/net/packet", "packet_seq_ops" },
};

static const struct {
	const char *name;
	int family;
	int type;
	const char *socket;
	const char *protocol;
} fops_sockets[] = {
	{ "a TCP socket", PF_INET, SOCK_STREAM, "inet_stream_ops", "tcp_prot" },
	{ "a UDP socket", PF_INET, SOCK_DGRAM, "inet_dgram_ops", "udp_prot" },
	{ "a TCP socket of IPv6", PF_INET6, SOCK_STREAM, "inet6_stream_ops", "tcpv6_prot" },
	{ "a UDP socket of IPv6", PF_INET6, SOCK_DGRAM, "inet6_dgram_ops", "udpv6_prot" },
};

static const char *fops_slot_name(enum fops_shape shape, u32 offset)
{
	u32 i;

	for (i = 0; i < fops_shapes[shape].count; i++) {
		if (fops_shapes[shape].slots[i].offset == offset)
			return fops_shapes[shape].slots[i].name;
	}
	return NULL;
}

/* One module may have its functions from another one: then that is held by it. */
static bool fops_is_holder(struct ks_scan *scan, const char *holder, const char *module)
{
	char name[32 + 2 * MODULE_NAME_LEN];
	struct path path;

	scnprintf(name, sizeof(name), "/sys/module/%s/holders/%s", module, holder);
	if (!*holder)
		return false;
	if (!kern_path(name, 0, &path)) {
		path_put(&path);
		return true;
	}
	if (!kern_path("/sys/module", 0, &path)) {
		path_put(&path);
		return false;
	}
	scan->why = "without /sys one module cannot be told from those that it needs";
	return true;
}

static void fops_expect(struct fops_look *look, const char *slot, unsigned long function)
{
	unsigned long expected;
	char what[96];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fops_expected); i++) {
		if (strcmp(fops_expected[i].table, look->name) ||
		    strcmp(fops_expected[i].slot, slot))
			continue;
		/* Compilers give functions, and what calls them, names with more behind. */
		if (!strncmp(look->scan->owner.symbol, fops_expected[i].function,
			     strlen(fops_expected[i].function)))
			continue;
		expected = ks_symbol(fops_expected[i].function);
		if (!expected || expected == function)
			continue;
		scnprintf(what, sizeof(what), "the slot has another function than %s",
			  fops_expected[i].function);
		ks_scan_finding(look->scan, KS_FINDING_FOPS, what, function, "%s %s.%s",
				look->path, look->name, slot);
	}
}

static void fops_slot(struct fops_look *look, enum fops_shape shape, u32 offset,
		      unsigned long function)
{
	const char *slot = fops_slot_name(shape, offset), *what = NULL;
	struct ks_owner *owner = &look->scan->owner;
	enum ks_owned owned;
	char number[16];

	if (!slot) {
		scnprintf(number, sizeof(number), "%u", offset);
		slot = number;
	}
	look->scan->checked++;
	owned = ks_probed_owned(&look->probed, owner, function);
	if (owned == KS_OWNED_BY_NOBODY)
		what = "the slot has code that nobody owns";
	else if (owned == KS_OWNED_UNKNOWN)
		look->scan->why = "what ftrace and kprobes make cannot be told from a finding";
	else if (owner->kernel)
		fops_expect(look, slot, function);
	else if (strcmp(owner->module, look->module) &&
		 !fops_is_holder(look->scan, look->module, owner->module))
		what = *look->module ? "the slot has code of another module than the table" :
		       "the slot of the kernel's table has code of a module";
	if (what)
		ks_scan_finding(look->scan, KS_FINDING_FOPS, what, function, "%s %s.%s",
				look->path, look->name, slot);
}

/* false: it has been seen. */
static bool fops_is_new(struct fops_look *look, unsigned long table)
{
	u32 i;

	for (i = 0; i < look->count; i++) {
		if (look->tables[i] == table)
			return false;
	}
	if (look->count == FOPS_TABLES_MAX)
		look->scan->why = "there are more tables than room for them";
	else
		look->tables[look->count++] = table;
	return true;
}

static void fops_name(struct fops_look *look, enum fops_shape shape, unsigned long table)
{
	struct ks_owner *owner = &look->scan->owner;

	ks_owner_find(owner, table);
	strscpy(look->name, *owner->symbol ? owner->symbol : fops_shapes[shape].name,
		sizeof(look->name));
	strscpy(look->module, owner->module, sizeof(look->module));
	/* Without KALLSYMS_ALL the kernel's own data has no names, nor an end. */
	if (!*owner->symbol && !*owner->module && ks_symbol("_end") && !ks_owner_is_image(table))
		ks_scan_finding(look->scan, KS_FINDING_FOPS,
				"the table is in memory that nobody owns", table, "%s %s",
				look->path, look->name);
}

static void fops_table(struct fops_look *look, enum fops_shape shape, unsigned long table)
{
	unsigned long function;
	u32 offset;

	if (!table || !fops_is_new(look, table))
		return;
	fops_name(look, shape, table);
	for (offset = 0; offset + sizeof(function) <= fops_shapes[shape].size;
	     offset += sizeof(function)) {
		if (offset == fops_shapes[shape].owner ||
		    (fops_shapes[shape].named_only && !fops_slot_name(shape, offset)))
			continue;
		if (copy_from_kernel_nofault(&function, (void *)(table + offset),
					     sizeof(function))) {
			look->scan->why = "a table of operations cannot be read";
			return;
		}
		/* Flags are no addresses of the kernel. */
		if ((long)function < 0)
			fops_slot(look, shape, offset, function);
	}
}

/* The kernel's own data of that name: it need not be looked for. */
static bool fops_is_symbol(struct fops_look *look, unsigned long table, const char *symbol)
{
	struct ks_owner *owner = &look->scan->owner;

	ks_owner_find(owner, table);
	return ks_owner_is_image(table) && !owner->offset && !strcmp(owner->symbol, symbol);
}

/* As what uses it has it, and as its symbol has it; both are looked at where they differ. */
static void fops_both(struct fops_look *look, const char *path, enum fops_shape shape,
		      const void *used, const char *symbol)
{
	unsigned long table = (unsigned long)used, known = 0;

	look->path = path;
	if (symbol && !fops_is_symbol(look, table, symbol))
		known = ks_symbol(symbol);
	if (known)
		fops_table(look, shape, known);
	if (known && table && known != table)
		ks_scan_finding(look->scan, KS_FINDING_FOPS,
				"the table that is used is another one than the kernel's", table,
				"%s %s", path, symbol);
	fops_table(look, shape, table);
}

static void fops_folder(struct fops_look *look, u32 i)
{
	const char *name = fops_folders[i].path;
	struct inode *inode;
	struct path path;

	if (kern_path(name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path)) {
		fops_both(look, name, FOPS_FILE, NULL, fops_folders[i].file);
		fops_both(look, name, FOPS_INODE, NULL, fops_folders[i].inode);
		look->scan->why = "not all of /proc, /sys, /dev and /etc are there";
		return;
	}
	inode = d_inode(path.dentry);
	fops_both(look, name, FOPS_FILE, inode->i_fop, fops_folders[i].file);
	fops_both(look, name, FOPS_INODE, inode->i_op, fops_folders[i].inode);
	path_put(&path);
}

static void fops_list(struct fops_look *look, u32 i)
{
	const char *name = fops_lists[i].path;
	struct file *file = filp_open(name, O_RDONLY, 0);
	const void *used = NULL;
	struct seq_file seq;

	if (!IS_ERR(file)) {
		look->path = name;
		fops_table(look, FOPS_FILE, (unsigned long)file->f_op);
		fops_table(look, FOPS_INODE, (unsigned long)file_inode(file)->i_op);
		if (!copy_from_kernel_nofault(&seq, file->private_data, sizeof(seq)) &&
		    seq.file == file)
			used = seq.op;
		else
			look->scan->why = "a list of connections is not made as it should be";
	}
	/* What is not there may be a protocol that the kernel does not have. */
	fops_both(look, name, FOPS_SEQ, used, fops_lists[i].seq);
	if (!IS_ERR(file))
		filp_close(file, NULL);
}

static void fops_socket(struct fops_look *look, u32 i)
{
	const char *name = fops_sockets[i].name;
	struct socket *socket;

	/* Else it would ask for a module that may be its protocol. */
	if (fops_sockets[i].family != PF_INET && !ks_symbol(fops_sockets[i].socket))
		return;
	if (sock_create_kern(&init_net, fops_sockets[i].family, fops_sockets[i].type, 0,
			     &socket)) {
		fops_both(look, name, FOPS_SOCKET, NULL, fops_sockets[i].socket);
		fops_both(look, name, FOPS_PROTOCOL, NULL, fops_sockets[i].protocol);
		return;
	}
	fops_both(look, name, FOPS_SOCKET, socket->ops, fops_sockets[i].socket);
	fops_both(look, name, FOPS_PROTOCOL, socket->sk->sk_prot, fops_sockets[i].protocol);
	sock_release(socket);
}

void ks_scan_fops(struct ks_scan *scan)
{
	struct fops_look *look = kvzalloc(sizeof(*look), GFP_KERNEL);
	u32 i;

	if (!look) {
		scan->why = "no memory";
		return;
	}
	look->scan = scan;
	ks_probed_init(&look->probed);
	for (i = 0; i < ARRAY_SIZE(fops_folders); i++)
		fops_folder(look, i);
	for (i = 0; i < ARRAY_SIZE(fops_lists); i++)
		fops_list(look, i);
	for (i = 0; i < ARRAY_SIZE(fops_sockets); i++)
		fops_socket(look, i);
	kvfree(look);
}
