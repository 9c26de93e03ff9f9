# SPDX-License-Identifier: GPL-2.0-only
"""The containers that processes are in, by their cgroups.

What is known of a cgroup is kept, so that a record costs one look into a dict.  Where there are hierarchies
of version 1, of which records have no number, each process is asked once; one that is gone is in the
container of its parent, if that is in one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Optional

from .cgroups import Cgroups
from .container import UNKNOWN, Container, container_of

if TYPE_CHECKING:
    from ksonde.record import Record

__all__ = ["Containers"]

#: Cgroups, and processes, that are remembered; more than that, and all are forgotten.
_REMEMBERED = 16384
_NEW = Container(None, None)


class Containers:
    """Tells the container of a record's process.

    Args:
        cgroups: the cgroups there are.
        pause: seconds after which one that was not found is looked for again.
    """

    def __init__(self, cgroups: Optional[Cgroups] = None, pause: float = 1.0) -> None:
        self._cgroups = cgroups or Cgroups()
        self._pause = pause
        self._known: dict[Any, Optional[Container]] = {}
        self._again: dict[Any, float] = {}

    def of(self, record: Record) -> Optional[Container]:
        """The container; None: it is in none; UNKNOWN: the cgroup was gone before it could be looked at."""
        number = getattr(record, "cgroup", None)
        found = self._known.get(number, _NEW)
        return self._look(record, number) if found is _NEW else found

    def _look(self, record: Record, number: Optional[int]) -> Optional[Container]:
        """By the id, then by the process."""
        by_process = self._cgroups.by_process
        if getattr(record, "tgid", None) is None or (number is None and not by_process):
            return None  # no task did it; or a kernel without cgroups
        found: Optional[Container] = UNKNOWN
        if number is not None and time.monotonic() >= self._again.get(number, 0.0):
            found = self._by_number(number, record.tgid)
        if by_process and (found is None or found is UNKNOWN):
            return self._by_process(record)
        return found

    def _by_number(self, number: int, tgid: int) -> Optional[Container]:
        before = self._cgroups.searchable_at
        path = self._cgroups.path(number, tgid)
        if path is None:
            searched = self._cgroups.searchable_at != before
            _note(self._again, number, time.monotonic() + self._pause if searched else before)
            return UNKNOWN
        found = container_of(path)
        if found is not None or not self._cgroups.by_process:
            _note(self._known, number, found)
        return found

    def _by_process(self, record: Record) -> Optional[Container]:
        # What a runtime starts enters its cgroup first, then its namespaces: it is asked again then.
        mnt_ns, start_time = getattr(record, "mnt_ns", None), record.start_time or 0
        identity = record.tgid, start_time, mnt_ns
        found = self._known.get(identity, _NEW)
        if found is not _NEW:
            return found
        paths = self._cgroups.paths_of(record.tgid, start_time)
        if paths is None:
            found = self._known.get((record.parent_tgid, record.parent_start_time, mnt_ns)) or UNKNOWN
        else:
            found = next(filter(None, map(container_of, paths)), None)
        _note(self._known, identity, found)
        return found


def _note(table: dict[Any, Any], key: Any, value: Any) -> None:
    if len(table) >= _REMEMBERED:
        table.clear()
    table[key] = value
