# SPDX-License-Identifier: GPL-2.0-only
"""What there is when a session begins: processes, sockets, modules, mounts, USB devices.

Each is a dict of the form of a record's JSON line, with "snapshot": true; its data have the names of the
driver's fields.  It is taken after the session has started, so that what changes meanwhile is in the stream
as well.  What this process may not see is absent.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KINDS", "Snapshot"]

_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
#: Of proc(5)'s stat, behind the name: parent, group, session, ..., start time.
_PPID, _PGRP, _SESSION, _START = 1, 2, 3, 19
_ESCAPE = re.compile(r"\\([0-7]{3})")
#: Of include/net/tcp_states.h; UDP sockets have the first and the seventh.
_STATES = (
    "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait", "close", "close_wait",
    "last_ack", "listen", "closing", "new_syn_recv",
)  # fmt: skip
_ALL_STATES = (1 << (len(_STATES) + 1)) - 2


class Snapshot:
    """Looks around once.

    Args:
        proc: the proc file system.

    Attributes:
        missing: kinds that could not be looked at, and why.
    """

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = Path(proc)
        self.missing: dict[str, str] = {}

    def take(self) -> Iterator[dict[str, Any]]:
        """All of it, kind by kind."""
        for kind, look in KINDS.items():
            try:
                for data in look(self):
                    yield {
                        "event": kind,
                        "snapshot": True,
                        "time": time.clock_gettime_ns(time.CLOCK_BOOTTIME),
                        "data": data,
                    }
            except (OSError, ImportError, ValueError) as error:  # noqa: PERF203 - five of them
                self.missing[kind] = str(error)

    def processes(self) -> Iterator[dict[str, Any]]:
        """Processes, parents before children where their numbers allow it.

        start_time is that of the driver's records rounded down to a clock tick (proc(5): stat, field 22).
        """
        for folder in sorted(self._proc.iterdir(), key=lambda path: path.name.zfill(10)):
            if folder.name.isdigit():
                # It may end at any time.
                try:
                    yield _process(folder)
                except (OSError, ValueError, IndexError):
                    continue

    def sockets(self) -> Iterator[dict[str, Any]]:
        """TCP and UDP sockets of this network namespace, as sock_diag(7) tells them."""
        import socket

        from pyroute2 import DiagSocket

        with DiagSocket() as diag:
            diag.bind()
            for family in (socket.AF_INET, socket.AF_INET6):
                for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
                    for one in diag.get_sock_stats(states=_ALL_STATES, family=family, protocol=protocol):
                        yield _socket(one, family, protocol)

    def modules(self) -> Iterator[dict[str, Any]]:
        """Loaded modules (proc(5): modules)."""
        for line in (self._proc / "modules").read_text().splitlines():
            name, size, users, _by, state, *rest = line.split()
            taints = rest[1].strip("()") if len(rest) > 1 else ""
            yield {"name": name, "size": int(size), "users": int(users), "state": state, "taints": taints}

    def mounts(self) -> Iterator[dict[str, Any]]:
        """Mounts of this mount namespace (proc(5): pid/mountinfo)."""
        for raw in (self._proc / "self/mountinfo").read_bytes().splitlines():
            line = raw.decode(errors="surrogateescape")
            before, _, after = line.partition(" - ")
            number, parent, device, root, target, options, *_ = before.split(" ")
            kind, source, super_options = (*after.split(" "), "", "", "")[:3]
            major, minor = map(int, device.split(":"))
            yield {
                "mount": int(number),
                "parent": int(parent),
                "device": os.makedev(major, minor),
                "root": _plain(root),
                "target": _plain(target),
                "options": options,
                "type": kind,
                "source": _plain(source),
                "super_options": super_options,
            }

    def usb_devices(self) -> Iterator[dict[str, Any]]:
        """USB devices that are plugged in, as udev knows them."""
        from pyudev import Context

        for device in Context().list_devices(subsystem="usb", DEVTYPE="usb_device"):
            known = device.attributes
            yield {
                "vendor_id": int(known.asstring("idVendor"), 16),
                "product_id": int(known.asstring("idProduct"), 16),
                **{name: _attribute(known, name) for name in ("manufacturer", "product", "serial")},
                "device_path": device.device_path,
            }


#: Events of a snapshot, in their order, and who knows them.
KINDS: dict[str, Callable[[Snapshot], Iterator[dict[str, Any]]]] = {
    "process": Snapshot.processes,
    "socket": Snapshot.sockets,
    "module": Snapshot.modules,
    "mount": Snapshot.mounts,
    "usb_device": Snapshot.usb_devices,
}


def _process(folder: Path) -> dict[str, Any]:
    text = (folder / "stat").read_bytes().decode(errors="surrogateescape")
    # The name may hold brackets and spaces: it ends with the last one.
    comm = text[text.index("(") + 1 : text.rindex(")")]
    words = text[text.rindex(")") + 2 :].split()
    found: dict[str, Any] = {
        "tgid": int(folder.name),
        "start_time": int(words[_START]) * _TICK,
        "parent_tgid": int(words[_PPID]),
        "pgid": int(words[_PGRP]),
        "sid": int(words[_SESSION]),
        "comm": comm,
    }
    for line in (folder / "status").read_text(errors="surrogateescape").splitlines():
        name, _, value = line.partition(":\t")
        if name in ("Uid", "Gid"):
            real, effective = value.split("\t")[:2]
            found[name.lower()], found[f"e{name.lower()}"] = int(real), int(effective)
    argv = (folder / "cmdline").read_bytes().decode(errors="surrogateescape")
    found["argv"] = argv.removesuffix("\0").split("\0") if argv else []
    try:
        found["exe"] = str((folder / "exe").readlink())
    except OSError:
        # A kernel thread, or a process of somebody else.
        found["exe"] = None
    return found


def _socket(one: Any, family: int, protocol: int) -> dict[str, Any]:
    state = one["idiag_state"]
    return {
        "family": family,
        "protocol": protocol,
        "state": _STATES[state - 1] if 0 < state <= len(_STATES) else str(state),
        "local_address": one["idiag_src"],
        "local_port": one["idiag_sport"],
        "remote_address": one["idiag_dst"],
        "remote_port": one["idiag_dport"],
        "uid": one["idiag_uid"],
        "socket": one["idiag_inode"],
    }


def _plain(text: str) -> str:
    """A path as it is: mountinfo writes blanks and backslashes as octal numbers."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)


def _attribute(known: Any, name: str) -> str | None:
    try:
        text: str = known.asstring(name)
    except (KeyError, UnicodeDecodeError):
        return None
    return text
