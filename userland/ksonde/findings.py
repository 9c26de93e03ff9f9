# SPDX-License-Identifier: GPL-2.0-only
"""What scans find, one after the other: what is new since the last one, and what is so no more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from .inspection import Finding
from .lsm_hooks import EVENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .inspection import Place
    from .lsm_hooks import Callback, Hooks

__all__ = ["LSM", "Callbacks", "Change", "Known", "State"]

#: The part of a scan that is not among the driver's INTEGRITY parts.
LSM = "lsm"


class State(IntEnum):
    """What a record of a finding says (finding_state in the schema)."""

    FOUND = 1
    ALL_CLEAR = 2
    CAME = 3
    WENT = 4


@dataclass(frozen=True)
class Change:
    """What is told of a finding.

    Attributes:
        state: found, all clear; came and went are of what is no finding.
        part: of the scan.
        finding: it.
        first_seen: CLOCK_BOOTTIME, nanoseconds.
    """

    state: State
    part: str
    finding: Finding
    first_seen: int

    def values(self) -> dict[str, Any]:
        """By the names of the fields of the events' rows."""
        place = self.finding.place
        return {
            **self.finding.more,
            "state": int(self.state),
            "part": self.part,
            "where": self.finding.where,
            "what": self.finding.what,
            "first_seen": self.first_seen,
            **({} if place is None else _of_place(place)),
        }


def _of_place(place: Place) -> dict[str, Any]:
    return {
        "in_kernel": int(place.kernel),
        "symbol": place.symbol or None,
        "symbol_offset": place.offset if place.symbol else None,
        "module": place.module or None,
        "address": int(place.address, 16) if place.address is not None else None,
    }


class Known:
    """The findings that there are: each is told once when it comes, and once when it goes."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, Finding], int] = {}

    def __len__(self) -> int:
        return len(self._first)

    def update(self, part: str, findings: Iterable[Finding], now: int, *, looked: bool) -> Iterator[Change]:
        """Compare with what a scan found in a part of the kernel.

        Args:
            part: its name.
            findings: all of it.
            now: CLOCK_BOOTTIME, nanoseconds.
            looked: False: nothing could be looked at, so that nothing has gone by that.
        """
        there = dict.fromkeys((part, finding) for finding in findings)
        for key in there:
            if key not in self._first:
                self._first[key] = now
                yield Change(State.FOUND, part, key[1], now)
        if not looked:
            return
        gone = [key for key in self._first if key[0] == part and key not in there]
        for key in gone:
            yield Change(State.ALL_CLEAR, part, key[1], self._first.pop(key))


class Callbacks:
    """The callbacks of all LSM hooks, compared from look to look."""

    def __init__(self) -> None:
        self._before: dict[Finding, bool] | None = None

    def update(self, hooks: Hooks, findings: Iterable[Finding], now: int) -> Iterator[Change]:
        """What came and what went; nothing at the first look.

        Args:
            hooks: as they are now.
            findings: of them; what is a finding is told as such, not here.
            now: CLOCK_BOOTTIME, nanoseconds.
        """
        wrong = {(finding.where, finding.place) for finding in findings}
        there = {
            finding: (finding.where, finding.place) in wrong
            for hook in hooks.hooks
            for callback in hook.callbacks
            for finding in _said(hook.name, callback)
        }
        before, self._before = self._before, there
        if before is None:
            return
        for finding, is_wrong in there.items():
            if finding not in before and not is_wrong:
                yield Change(State.CAME, LSM, finding, now)
        for finding, was_wrong in before.items():
            if finding not in there and not was_wrong:
                yield Change(State.WENT, LSM, finding, now)


def _said(hook: str, callback: Callback) -> Iterator[Finding]:
    """A callback, and the BPF programs that it calls, as what would be told of them."""
    more = {"position": callback.slot, "lsm": callback.lsm}
    yield Finding(hook, f"a callback of {callback.lsm or 'no LSM'}", callback.function, EVENT, more)
    if callback.program:
        what = "BPF programs are attached to it, as the kernel lets them"
        yield Finding(hook, what, callback.function, EVENT, more)
