# SPDX-License-Identifier: GPL-2.0-only
"""The ancestors of a process: from the records seen so far, then from /proc."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from ksonde.record import Record

#: Processes that are remembered.
LIMIT = 16384
#: Ancestors that are shown at most.
DEPTH = 12


class Ancestor(NamedTuple):
    """A process on the way to the first one."""

    tgid: int
    comm: str


class _Process(NamedTuple):
    comm: str
    parent: int
    parent_start: Optional[int]


class Ancestry:
    """Remembers who started whom.

    Args:
        proc: where the proc file system is mounted.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._known: OrderedDict[tuple[int, int], _Process] = OrderedDict()
        self._tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")

    def learn(self, record: Record) -> None:
        """Remember the process of a record, and its child when it is a fork."""
        tgid, start = getattr(record, "tgid", None), getattr(record, "start_time", None)
        if tgid is None or start is None:
            return
        parent = getattr(record, "parent_tgid", None)
        comm = record.comm or "?"
        if parent is not None and (record.tid == tgid or (tgid, start) not in self._known):
            self._remember((tgid, start), _Process(comm, parent, record.parent_start_time))
        if record.event == "fork" and record.child_tgid is not None:
            self._remember((record.child_tgid, record.child_start_time), _Process(comm, tgid, start))

    def of(self, record: Record) -> list[Ancestor]:
        """The ancestors of a record's process, the parent first."""
        recorded = getattr(record, "ancestors", None)
        if recorded:
            return [Ancestor(one.tgid, one.comm) for one in recorded]
        found: list[Ancestor] = []
        tgid, start = getattr(record, "parent_tgid", None), getattr(record, "parent_start_time", None)
        while tgid and len(found) < DEPTH:
            process = self._look_up(tgid, start)
            if process is None:
                found.append(Ancestor(tgid, "?"))
                break
            found.append(Ancestor(tgid, process.comm))
            tgid, start = process.parent, process.parent_start
        return found

    def _remember(self, identity: tuple[int, int], process: _Process) -> None:
        self._known[identity] = process
        self._known.move_to_end(identity)
        if len(self._known) > LIMIT:
            self._known.popitem(last=False)

    def _look_up(self, tgid: int, start: Optional[int]) -> Optional[_Process]:
        if start is not None and (tgid, start) in self._known:
            return self._known[tgid, start]
        try:
            stat = (self._proc / str(tgid) / "stat").read_text("utf-8", "surrogateescape")
        except OSError:
            return None
        comm = stat[stat.index("(") + 1 : stat.rindex(")")]
        fields = stat[stat.rindex(")") + 2 :].split()
        started = int(fields[19]) * self._tick
        if start is not None and abs(started - start) > 2 * self._tick:
            return None  # another process has the number by now
        process = _Process(comm, int(fields[1]), None)
        if start is not None:
            self._remember((tgid, start), process)
        return process
