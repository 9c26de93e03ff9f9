/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_SOCKET_H
#define SHIM_SOCKET_H

#include <sys/socket.h>

#endif /* SHIM_SOCKET_H */
