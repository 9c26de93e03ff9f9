/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/fs.h>, <linux/net.h>, <net/sock.h>: names of the slots in tables of
 * operations.  Not all there are: one without a name is called by its offset.
 * v6.6, 3e3271549670 ("vfs: get rid of old '->iterate' directory operation").
 * v7.3: getsockopt has another one beside it; nothing of it is named here.
 */
#ifndef KS_COMPAT_FOPS_H
#define KS_COMPAT_FOPS_H

#include <linux/fs.h>
#include <linux/net.h>
#include <linux/seq_file.h>
#include <net/sock.h>

struct ks_slot {
	const char *name;
	u32 offset;
};

#define KS_SLOT(type, member)	{ #member, offsetof(struct type, member) }

static const struct ks_slot ks_slots_file[] = {
	KS_SLOT(file_operations, llseek),
	KS_SLOT(file_operations, read),
	KS_SLOT(file_operations, write),
	KS_SLOT(file_operations, read_iter),
	KS_SLOT(file_operations, write_iter),
	KS_SLOT(file_operations, iterate_shared),
	KS_SLOT(file_operations, poll),
	KS_SLOT(file_operations, unlocked_ioctl),
	KS_SLOT(file_operations, compat_ioctl),
	KS_SLOT(file_operations, mmap),
	KS_SLOT(file_operations, open),
	KS_SLOT(file_operations, flush),
	KS_SLOT(file_operations, release),
	KS_SLOT(file_operations, fsync),
	KS_SLOT(file_operations, lock),
	KS_SLOT(file_operations, splice_write),
	KS_SLOT(file_operations, splice_read),
	KS_SLOT(file_operations, fallocate),
	KS_SLOT(file_operations, show_fdinfo),
};

static const struct ks_slot ks_slots_inode[] = {
	KS_SLOT(inode_operations, lookup),
	KS_SLOT(inode_operations, get_link),
	KS_SLOT(inode_operations, permission),
	KS_SLOT(inode_operations, create),
	KS_SLOT(inode_operations, link),
	KS_SLOT(inode_operations, unlink),
	KS_SLOT(inode_operations, symlink),
	KS_SLOT(inode_operations, mkdir),
	KS_SLOT(inode_operations, rmdir),
	KS_SLOT(inode_operations, mknod),
	KS_SLOT(inode_operations, rename),
	KS_SLOT(inode_operations, setattr),
	KS_SLOT(inode_operations, getattr),
	KS_SLOT(inode_operations, listxattr),
};

static const struct ks_slot ks_slots_seq[] = {
	KS_SLOT(seq_operations, start),
	KS_SLOT(seq_operations, stop),
	KS_SLOT(seq_operations, next),
	KS_SLOT(seq_operations, show),
};

static const struct ks_slot ks_slots_socket[] = {
	KS_SLOT(proto_ops, release),
	KS_SLOT(proto_ops, bind),
	KS_SLOT(proto_ops, connect),
	KS_SLOT(proto_ops, accept),
	KS_SLOT(proto_ops, getname),
	KS_SLOT(proto_ops, poll),
	KS_SLOT(proto_ops, ioctl),
	KS_SLOT(proto_ops, listen),
	KS_SLOT(proto_ops, shutdown),
	KS_SLOT(proto_ops, setsockopt),
	KS_SLOT(proto_ops, getsockopt),
	KS_SLOT(proto_ops, sendmsg),
	KS_SLOT(proto_ops, recvmsg),
	KS_SLOT(proto_ops, mmap),
};

/* Of a protocol there is data among its functions: only what has a name is a slot. */
static const struct ks_slot ks_slots_protocol[] = {
	KS_SLOT(proto, close),
	KS_SLOT(proto, connect),
	KS_SLOT(proto, disconnect),
	KS_SLOT(proto, accept),
	KS_SLOT(proto, ioctl),
	KS_SLOT(proto, init),
	KS_SLOT(proto, destroy),
	KS_SLOT(proto, shutdown),
	KS_SLOT(proto, setsockopt),
	KS_SLOT(proto, getsockopt),
	KS_SLOT(proto, sendmsg),
	KS_SLOT(proto, recvmsg),
	KS_SLOT(proto, bind),
	KS_SLOT(proto, backlog_rcv),
	KS_SLOT(proto, hash),
	KS_SLOT(proto, unhash),
	KS_SLOT(proto, get_port),
};

#endif /* KS_COMPAT_FOPS_H */
