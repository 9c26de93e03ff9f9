# SPDX-License-Identifier: GPL-2.0-only
"""Limits: how many records of an event a second, decided in the kernel before a record is made.

    limits = [Limit(("open",), per_second=5000, per_process=500)]
    with ksonde.open(["open", "execve"], limits=limits) as session: ...

What is beyond is withheld, and counted: a LOST record with the reason rate_limit tells how many they were,
once a second for each event and CPU.  Other sessions are not touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import BadLimit
from .rules import ALWAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .schema import Schema

__all__ = ["Limit", "check", "pack"]


@dataclass(frozen=True)
class Limit:
    """Limits of some events; they count apart from each other.

    Attributes:
        events: names.
        per_second: records of the event a second; None: no limit.
        per_process: likewise, of each process.
    """

    events: tuple[str, ...]
    per_second: int | None = None
    per_process: int | None = None

    def __str__(self) -> str:
        words = []
        if self.per_second is not None:
            words.append(f"{self.per_second} a second")
        if self.per_process is not None:
            words.append(f"{self.per_process} a second of a process")
        return f"{','.join(self.events)} at most {', '.join(words)}"


def check(limits: Sequence[Limit], events: Iterable[str], schema: Schema) -> None:
    """Refuse what the driver would not take, or could never do anything in a session of these events.

    Raises:
        BadLimit: it is refused, and why.
        UnknownEvent: the schema has no such event.
    """
    from . import uapi

    wanted = set(events)
    seen: dict[str, int] = {}
    for number, limit in enumerate(limits):
        for name in limit.events:
            schema.event(name)
        why = _wrong_numbers(limit, uapi.LIMIT_MAX) or _wrong_events(limit, wanted)
        if why:
            raise BadLimit(number, why, "change it, or leave it out")
        for name in dict.fromkeys(limit.events):
            if name in seen:
                raise BadLimit(number, f"limit {seen[name] + 1} is about {name}, too", "give it one of them")
            seen[name] = number
    if len(seen) > uapi.LIMITS_MAX:
        raise BadLimit(len(limits) - 1, f"at most {uapi.LIMITS_MAX} events can be limited", "name fewer")


def pack(limits: Iterable[Limit], schema: Schema) -> list[bytes]:
    """Limits as the driver reads them (struct ksonde_limit), one an event."""
    from . import uapi

    return [
        bytes(
            uapi.Limit.build(
                {
                    "event": schema.event(name).id,
                    "per_second": limit.per_second or 0,
                    "per_process": limit.per_process or 0,
                    "reserved": 0,
                }
            )
        )
        for limit in limits
        for name in dict.fromkeys(limit.events)
    ]


def _wrong_numbers(limit: Limit, most: int) -> str:
    if limit.per_second is None and limit.per_process is None:
        return "it has neither per_second nor per_process"
    for name in ("per_second", "per_process"):
        value = getattr(limit, name)
        if value is not None and not 1 <= value <= most:
            return f"{name} is {value}, not from 1 to {most}"
    if limit.per_second is not None and (limit.per_process or 0) > limit.per_second:
        return "per_process is more than per_second"
    return ""


def _wrong_events(limit: Limit, wanted: set[str]) -> str:
    if not limit.events:
        return "it names no events"
    for name in limit.events:
        if name in ALWAYS:
            return f"{name} always comes"
    if not wanted & set(limit.events):
        return f"the session does not record {', '.join(limit.events)}"
    return ""
