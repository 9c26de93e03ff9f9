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
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KINDS", "Snapshot"]

_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
#: Of proc(5)'s stat, behind the name: parent, group, session, ..., start time.
_PPID, _PGRP, _SESSION, _START = 1, 2, 3, 19
_SOCKET = re.compile(r"socket:\[(\d+)\]")
_ESCAPE = re.compile(r"\\([0-7]{3})")
#: Of include/net/tcp_states.h; UDP sockets have the first and the seventh.
_STATES = (
    "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait", "close", "close_wait",
    "last_ack", "listen", "closing", "new_syn_recv",
)  # fmt: skip
#: Of a USB device: where sysfs has a number, and to which base.
_USB_NUMBERS = {
    "vendor_id": ("idVendor", 16),
    "product_id": ("idProduct", 16),
    "device_class": ("bDeviceClass", 16),
    "bus": ("busnum", 10),
    "number": ("devnum", 10),
    "configuration": ("bConfigurationValue", 10),
}
_KINDS = ("Class", "SubClass", "Protocol")
#: Of linux/unix_diag.h: what is to be told.
_SHOW_NAME, _SHOW_VFS = 1, 2
#: As in records: ancestors of a process.
_ANCESTORS = 12
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
        """Processes, parents before children where their numbers allow it, each with its ancestors.

        Start times are those of the driver's records rounded down to a clock tick (proc(5): stat, field 22).
        """
        found: dict[int, dict[str, Any]] = {}
        for folder in self._folders():
            # It may end at any time.
            with suppress(OSError, ValueError, IndexError):
                one = _process(folder)
                found[one["tgid"]] = one
        for one in found.values():
            above = _ancestors(one, found)
            parent = above[0]["start_time"] if above else None
            yield {**one, "parent_start_time": parent, "ancestors": above}

    def _folders(self) -> list[Path]:
        """Of processes, by their numbers."""
        numbers = [path for path in self._proc.iterdir() if path.name.isdigit()]
        return sorted(numbers, key=lambda path: int(path.name))

    def _holders(self) -> dict[int, list[int]]:
        """Which processes have a socket open, by its inode; without those that may not be looked at."""
        found: dict[int, list[int]] = {}
        for folder in self._folders():
            with suppress(OSError):
                held = {_SOCKET.fullmatch(_target(one)) for one in (folder / "fd").iterdir()}
                for inode in {int(match[1]) for match in held if match}:
                    found.setdefault(inode, []).append(int(folder.name))
        return found

    def sockets(self) -> Iterator[dict[str, Any]]:
        """TCP and UDP sockets of this network namespace, as sock_diag(7) tells them."""
        import socket

        for family in (socket.AF_INET, socket.AF_INET6):
            for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
                for one in _asked(states=_ALL_STATES, family=family, protocol=protocol):
                    yield _socket(one, family, protocol)

    def unix_sockets(self) -> Iterator[dict[str, Any]]:
        """UNIX sockets that have a name: a path as it was given, or an abstract one behind its NUL byte."""
        import socket

        for one in _asked(family=socket.AF_UNIX, show=_SHOW_NAME | _SHOW_VFS):
            attributes = dict(one["attrs"])
            name = attributes.get("UNIX_DIAG_NAME")
            if not name:
                continue
            path = name if isinstance(name, str) else name.decode(errors="surrogateescape")
            if not path.startswith("\0") and "UNIX_DIAG_VFS" not in attributes:
                path = f"\0{path}"
            yield {
                "family": int(socket.AF_UNIX),
                "type": one["udiag_type"],
                "state": _state(one["udiag_state"]),
                "path": path,
                "socket": one["udiag_ino"],
            }

    def held_sockets(self) -> Iterator[dict[str, Any]]:
        """The same, with the processes that have each of them open, as far as this one may see them."""
        holders = self._holders()
        for look in (self.sockets, self.unix_sockets):
            try:
                for one in look():
                    yield {**one, "tgids": holders.get(one["socket"], [])}
            except OSError as error:  # noqa: PERF203 - two of them
                self.missing["socket"] = str(error)

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

        from .devices import attribute, known_of, present

        for device in present(Context()):
            numbers = {name: (attribute(device, where), base) for name, (where, base) in _USB_NUMBERS.items()}
            yield {
                **{name: int(value, base) if value else None for name, (value, base) in numbers.items()},
                **{name: attribute(device, name) for name in ("product", "manufacturer", "serial")},
                "device_path": device.device_path,
                "interfaces": _interfaces(Path(device.sys_path)),
                "udev": known_of(device),
            }


#: Events of a snapshot, in their order, and who knows them.
KINDS: dict[str, Callable[[Snapshot], Iterator[dict[str, Any]]]] = {
    "process": Snapshot.processes,
    "socket": Snapshot.held_sockets,
    "module": Snapshot.modules,
    "mount": Snapshot.mounts,
    "usb_device": Snapshot.usb_devices,
}


def _ancestors(process: dict[str, Any], known: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """Those above it, the parent first; one that started after its child is another one by now."""
    found: list[dict[str, Any]] = []
    while len(found) < _ANCESTORS:
        above = known.get(process["parent_tgid"])
        if above is None or above["start_time"] > process["start_time"]:
            break
        found.append({name: above[name] for name in ("start_time", "tgid", "comm")})
        process = above
    return found


def _target(link: Path) -> str:
    """What a descriptor is of; "": it was closed."""
    try:
        return os.readlink(link)  # noqa: PTH115 - not a path
    except OSError:
        return ""


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


def _asked(**what: Any) -> Iterator[Any]:
    """What sock_diag(7) answers.  OSError: this kernel cannot, say."""
    from pyroute2 import DiagSocket, NetlinkError

    with DiagSocket() as diag:
        diag.bind()
        try:
            yield from diag.get_sock_stats(**what)
        except NetlinkError as error:
            raise OSError(error.code, os.strerror(error.code)) from error


def _state(number: int) -> str:
    return _STATES[number - 1] if 0 < number <= len(_STATES) else str(number)


def _socket(one: Any, family: int, protocol: int) -> dict[str, Any]:
    return {
        "family": int(family),
        "protocol": protocol,
        "state": _state(one["idiag_state"]),
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


def _interfaces(folder: Path) -> list[str]:
    """Class, subclass and protocol of each, as the driver has them."""
    found = []
    for one in sorted(folder.glob("*:*.*")):
        with suppress(OSError):
            found.append("".join((one / f"bInterface{kind}").read_text().strip() for kind in _KINDS))
    return found
