# SPDX-License-Identifier: GPL-2.0-only
"""The inodes of sockets, as sock_diag(7) tells them.

A scan needs nothing else of them.  pyroute2, which knows the whole of it, takes a second of an emulated
CPU and 40 MB before it has sent anything.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["inodes"]

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_ERROR, _DONE = 2, 3
#: NLM_F_REQUEST and NLM_F_DUMP.
_DUMP = 0x301
#: struct nlmsghdr
_HEADER = struct.Struct("=IHHII")
#: struct inet_diag_req_v2, of which an id of zeros means all.
_REQUEST = struct.Struct("=BBxxI48x")
#: struct inet_diag_msg: behind family and state, the id, and five words of which this is the last.
_INODE = struct.Struct("=68xI")
_ALL_STATES = (1 << 13) - 2
_ROOM = 1 << 17
#: Of ENOENT (net/core/sock_diag.c).
_LACKING = "the kernel has no CONFIG_INET_DIAG or CONFIG_INET_UDP_DIAG, or not their modules"


def inodes() -> Iterator[int]:
    """Of TCP and UDP sockets of this network namespace, those that a process may have.

    Raises:
        OSError: the kernel tells none.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as asked:
        for family in (socket.AF_INET, socket.AF_INET6):
            for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
                request = _REQUEST.pack(family, protocol, _ALL_STATES)
                size = _HEADER.size + len(request)
                asked.send(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _DUMP, 1, 0) + request)
                yield from filter(None, _answers(asked))


def _answers(asked: socket.socket) -> Iterator[int]:
    """Of all sockets of one dump."""
    while True:
        data = asked.recv(_ROOM)
        at = 0
        while at + _HEADER.size <= len(data):
            size, kind, *_ = _HEADER.unpack_from(data, at)
            if kind == _DONE:
                return
            if kind == _ERROR:
                (error,) = struct.unpack_from("=i", data, at + _HEADER.size)
                raise OSError(-error, _LACKING if error == -errno.ENOENT else os.strerror(-error))
            if kind == _SOCK_DIAG_BY_FAMILY:
                yield _INODE.unpack_from(data, at + _HEADER.size)[0]
            if size < _HEADER.size:
                raise OSError(0, "an answer of sock_diag is damaged")
            at += size + 3 & ~3
