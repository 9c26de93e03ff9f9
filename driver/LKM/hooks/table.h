/* SPDX-License-Identifier: GPL-2.0-only */
/* Every hook, one line each, in the order in which they are armed. */
KS_HOOK(process_fork)
KS_HOOK(process_exec)
KS_HOOK(process_exit)
KS_HOOK(execve_failed)
KS_HOOK(connect_outcome)
KS_HOOK(connect)
KS_HOOK(create_file)
KS_HOOK(load_module)
KS_HOOK(load_module_failed)
KS_HOOK(update_cred)
KS_HOOK(open)
KS_HOOK(exit_group)
