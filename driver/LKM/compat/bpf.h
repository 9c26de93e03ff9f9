/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/bpf.h>
 * v4.15, cb4d2b3f03d8 ("bpf: Add name, load_time, uid and map_ids to
 * bpf_prog_info"): a program has a name.
 * v4.17, 5e43f899b03a ("bpf: Check attach type at prog load time").
 * v5.5, 38207291604c ("bpf: Prepare btf_ctx_access for non raw_tp use
 * case"): the function that it is for.
 * CONFIG_BPF_SYSCALL may be off.
 */
#ifndef KS_COMPAT_BPF_H
#define KS_COMPAT_BPF_H

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/version.h>

#ifdef CONFIG_BPF_SYSCALL
#define KS_BPF	true
#else
#define KS_BPF	false
#endif

static inline const char *ks_bpf_name(const struct bpf_prog *program)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 15, 0)
	return program->aux->name;
#else
	return "";
#endif
}

static inline int ks_bpf_attach_type(const struct bpf_prog *program)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 17, 0)
	return program->expected_attach_type;
#else
	return 0;
#endif
}

/* The function that a program of tracing or an LSM is for; NULL: of another type, or not known. */
static inline const char *ks_bpf_attached(const struct bpf_prog *program)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 5, 0)
	return program->aux->attach_func_name;
#else
	return NULL;
#endif
}

#endif /* KS_COMPAT_BPF_H */
