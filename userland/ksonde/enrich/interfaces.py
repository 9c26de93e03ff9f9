# SPDX-License-Identifier: GPL-2.0-only
"""Names of network interfaces and namespaces, as the kernel has them now.

Interfaces are those of this process's own network namespace: an index or a local address of another namespace
means nothing here, which is why a record's namespace is asked for.  pyroute2 is imported when it is needed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Interfaces"]


class _Table:
    """Something that is read as a whole: again when a name is missing or it is old, but not all the time."""

    def __init__(self, load: Callable[[], dict[Any, str]], pause: float, max_age: float) -> None:
        self._load = load
        self._pause = pause
        self._max_age = max_age
        self._names: dict[Any, str] = {}
        self._read = float("-inf")

    def get(self, key: Any) -> str | None:
        age = time.monotonic() - self._read
        if age > self._max_age or (age > self._pause and key not in self._names):
            self._names = self._load()
            self._read = time.monotonic()
        return self._names.get(key)


class Interfaces:
    """Names of interfaces and network namespaces.

    Where the kernel or the library refuses, there are no names, and error says why.

    Args:
        pause: seconds that lie at least between two looks because of something unknown.
        max_age: seconds after which what is known is looked up again.
        netns: directory where `ip netns` keeps its names.
        proc: the proc file system.

    Attributes:
        error: why the interfaces are not known; None when they are.
    """

    def __init__(
        self,
        pause: float = 1.0,
        max_age: float = 30.0,
        netns: str = "/run/netns",
        proc: str = "/proc",
    ) -> None:
        self.error: str | None = None
        self._netns = Path(netns)
        self._proc = Path(proc)
        self._own = _inode(self._proc / "self/ns/net")
        self._interfaces = _Table(self._load_interfaces, pause, max_age)
        self._namespaces = _Table(self._load_namespaces, pause, max_age)

    def name(self, index: int, net_ns: int | None = None) -> str | None:
        """Name of the interface of that index.

        Args:
            index: of the interface.
            net_ns: inode number of the namespace it is in; None: this process's own.
        """
        return self._interfaces.get(index) if self._is_own(net_ns) else None

    def of_address(self, address: str, net_ns: int | None = None) -> str | None:
        """Name of the interface that has this local address.

        Args:
            address: as records have it.
            net_ns: as in name().
        """
        return self._interfaces.get(address) if self._is_own(net_ns) else None

    def namespace(self, inode: int) -> str | None:
        """Name of a network namespace: "host" for this process's own, else that of `ip netns`, else
        "pid N (comm)" of a process in it.

        Args:
            inode: record.net_ns.
        """
        return "host" if inode == self._own else self._namespaces.get(inode)

    def _is_own(self, net_ns: int | None) -> bool:
        return net_ns is None or net_ns == self._own

    def _load_interfaces(self) -> dict[Any, str]:
        names: dict[Any, str] = {}
        try:
            from pyroute2 import IPRoute

            with IPRoute() as route:
                for link in route.get_links():
                    names[link["index"]] = link.get_attr("IFLA_IFNAME")
                for row in route.get_addr():
                    # Of a point-to-point link, the local end is what matters.
                    address = row.get_attr("IFA_LOCAL") or row.get_attr("IFA_ADDRESS")
                    names[address] = names.get(row["index"], str(row["index"]))
        except Exception as error:  # noqa: BLE001 - names are a courtesy; netlink has many ways to refuse
            self.error = f"{type(error).__name__}: {error}"
        else:
            self.error = None
        return names

    def _load_namespaces(self) -> dict[Any, str]:
        names: dict[Any, str] = {}
        for inode, pid in self._namespaces_of_processes():
            if inode not in names:
                names[inode] = f"pid {pid} ({_comm(self._proc / pid)})"
        for path in _entries(self._netns):
            bound = _inode(path)
            if bound is not None:
                names[bound] = path.name
        return names

    def _namespaces_of_processes(self) -> Iterator[tuple[int, str]]:
        """Namespaces and who is in them, the oldest process first."""
        pids = sorted((path.name for path in _entries(self._proc) if path.name.isdigit()), key=int)
        for pid in pids:
            inode = _inode(self._proc / pid / "ns/net")
            if inode is not None:
                yield inode, pid


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


def _inode(path: Path) -> int | None:
    """Inode number of what path leads to; None: nothing, or no permission."""
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - Path.stat() is twice as slow, for every process
    except OSError:
        return None


def _comm(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="surrogateescape").rstrip("\n")
    except OSError:
        return "gone"
