# SPDX-License-Identifier: GPL-2.0-only
"""Paths of the cgroups that records have as numbers.

The id of a cgroup of the version 2 hierarchy is the inode number of its directory (before Linux 5.5 the lower
half of it is) and no other one ever gets it again, so what was found once holds for ever.  First the process
of the record is asked, where it still lives; its answer counts only when that directory has the right number.
Then all directories are looked through, which costs some milliseconds and is done for a twentieth of the time
at most.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Cgroups"]

#: Of the time, what searches may take: one of so many parts.
_SHARE = 20
_LOWER_HALF = 0xFFFFFFFF
_OCTAL = re.compile(rb"\\([0-7]{3})")


class Cgroups:
    """The cgroups there are.

    Args:
        proc: the proc file system.

    Attributes:
        by_process: there are hierarchies of version 1, or none of version 2 in sight: the id does not tell
            all, and a process must be asked itself.
        searchable_at: when path() may look through all directories again, in the time of time.monotonic().
    """

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._root, version_1 = _mounts(f"{proc}/self/mountinfo")
        self.by_process = version_1 or self._root is None
        self.searchable_at = float("-inf")
        self._found: dict[int, str] = {}
        self._tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")

    def path(self, number: int, tgid: Optional[int] = None) -> Optional[str]:
        """The path of a cgroup, from the root of the version 2 hierarchy on; None: not found.

        Args:
            number: its id.
            tgid: of a process that was in it.
        """
        if self._root is None:
            return None
        inodes = (number, number & _LOWER_HALF)
        path = self._of_process(self._root, tgid, inodes) or self._of_search(inodes)
        if path is None and time.monotonic() >= self.searchable_at:
            began = time.monotonic()
            self._found = dict(_folders(self._root))
            ended = time.monotonic()
            self.searchable_at = ended + (ended - began) * _SHARE
            path = self._of_search(inodes)
        return path

    def paths_of(self, tgid: int, start_time: int) -> Optional[list[str]]:
        """Where a process is now, in each hierarchy; None: it is gone, or hidden.

        Args:
            tgid: of the process.
            start_time: likewise; another one that has the number by now is not asked.
        """
        lines = self._lines(tgid)
        # Read later than the lines: whoever has the number now had it before.
        if lines is None or not self._is_same(tgid, start_time):
            return None
        return [path for _, path in lines]

    def _of_process(self, root: str, tgid: Optional[int], inodes: tuple[int, ...]) -> Optional[str]:
        for hierarchy, path in (self._lines(tgid) if tgid else None) or ():
            # What is outside of our own cgroup namespace begins with "/..", and leads nowhere.
            if hierarchy == "0" and not path.startswith("/..") and _inode(root + path) in inodes:
                return path
        return None

    def _of_search(self, inodes: tuple[int, ...]) -> Optional[str]:
        return next((self._found[inode] for inode in inodes if inode in self._found), None)

    def _lines(self, tgid: int) -> Optional[list[tuple[str, str]]]:
        """Number of the hierarchy and path, as often as there are hierarchies."""
        text = self._read(tgid, "cgroup")
        if text is None:
            return None
        rows = (line.split(":", 2) for line in text.split("\n"))
        return [(row[0], row[2]) for row in rows if len(row) == 3]  # number, names, path

    def _is_same(self, tgid: int, start_time: int) -> bool:
        stat = self._read(tgid, "stat")
        if stat is None:
            return False
        started = int(stat[stat.rindex(")") + 2 :].split()[19])
        return abs(started * self._tick - start_time) <= 2 * self._tick

    def _read(self, tgid: int, name: str) -> Optional[str]:
        try:
            return Path(f"{self._proc}/{tgid}/{name}").read_bytes().decode("utf-8", "surrogateescape")
        except OSError:
            return None


def _mounts(mountinfo: str) -> tuple[Optional[str], bool]:
    """Where version 2 is mounted, None: nowhere; and whether one of version 1 is."""
    try:
        rows = Path(mountinfo).read_bytes().splitlines()
    except OSError:
        return None, False
    places, version_1 = [], False
    for row in rows:
        head, _, tail = row.partition(b" - ")
        kind = tail.split(b" ", 1)[0]
        version_1 |= kind == b"cgroup"
        if kind == b"cgroup2":
            _number, _parent, _device, root, place, *_ = head.split(b" ")
            places.append((root != b"/", _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), place)))
    # One of the whole hierarchy before one of a part of it; of several the first.
    return os.fsdecode(min(places, key=lambda one: one[0])[1]) if places else None, version_1


def _folders(root: str) -> Iterator[tuple[int, str]]:
    """Inode numbers and paths of all directories from root on."""
    inode = _inode(root)
    if inode is not None:
        yield inode, "/"
    waiting = [root]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue  # gone, or closed to us
        for entry in folders:
            waiting.append(entry.path)
            yield entry.inode(), entry.path[len(root) :]


def _inode(path: str) -> Optional[int]:
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - asked for every new cgroup
    except OSError:
        return None
