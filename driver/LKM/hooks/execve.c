// SPDX-License-Identifier: GPL-2.0-only
/* What a successful and a failed execve have in common. */
#include <linux/string.h>
#include "execve.h"

static void put_socket(struct ks_record *record, struct ks_event_execve *e)
{
	struct ks_socket socket;

	if (!ks_socket_first(true, &socket)) {
		ks_absent(record, execve, socket_family);
		ks_absent(record, execve, socket_local_port);
		ks_absent(record, execve, socket_remote_port);
		ks_absent(record, execve, socket_local_address);
		ks_absent(record, execve, socket_remote_address);
		ks_absent(record, execve, socket_tgid);
		ks_absent(record, execve, socket_start_time);
		return;
	}
	e->socket_family = socket.family;
	e->socket_local_port = socket.local_port;
	memcpy(e->socket_local_address, socket.local_address, sizeof(socket.local_address));
	e->socket_tgid = socket.tgid;
	e->socket_start_time = socket.start_time;
	if (!socket.connected) {
		ks_absent(record, execve, socket_remote_port);
		ks_absent(record, execve, socket_remote_address);
		return;
	}
	e->socket_remote_port = socket.remote_port;
	memcpy(e->socket_remote_address, socket.remote_address, sizeof(socket.remote_address));
}

void ks_execve_surroundings(struct ks_record *record, struct ks_event_execve *e)
{
	if (!ks_path_put_cwd(record, &e->cwd))
		ks_absent(record, execve, cwd);
	if (!ks_path_put_fd_plain(record, &e->stdin_target, 0))
		ks_absent(record, execve, stdin_target);
	if (!ks_path_put_fd_plain(record, &e->stdout_target, 1))
		ks_absent(record, execve, stdout_target);
	if (!ks_path_put_fd_plain(record, &e->stderr_target, 2))
		ks_absent(record, execve, stderr_target);
	put_socket(record, e);
}

void ks_execve_environment(struct ks_record *record, struct ks_event_execve *e,
			   const unsigned long value[KS_VARIABLES])
{
	if (!ks_user_string(record, &e->ssh_connection, value[KS_SSH_CONNECTION]))
		ks_absent(record, execve, ssh_connection);
	if (!ks_user_string(record, &e->ld_preload, value[KS_LD_PRELOAD]))
		ks_absent(record, execve, ld_preload);
	if (!ks_user_string(record, &e->ld_library_path, value[KS_LD_LIBRARY_PATH]))
		ks_absent(record, execve, ld_library_path);
}
