# SPDX-License-Identifier: GPL-2.0-only
"""What a session counts, over some time."""

from __future__ import annotations

import select
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ksonde import text

if TYPE_CHECKING:
    from ksonde.session import CpuStats, Session
    from ksonde.watching import Signals

#: Seconds between two looks at the rings.
INTERVAL = 0.1


@dataclass
class Event:
    """One event: how many records, how many of them were dropped and why."""

    event: str
    produced: int
    delivered: int
    dropped: dict[str, int]
    per_second: float


@dataclass
class Ring:
    """The ring of one CPU, bytes: what is unread now, the most that was, the size."""

    cpu: int
    fill: int
    peak: int
    bytes: int
    dropped: int


@dataclass
class Filter:
    """A rule: the records that it held back or, of an include rule, let through."""

    rule: str
    held_back: int
    let_through: int


@dataclass
class Counted:
    """A session's sums over some time."""

    seconds: float
    produced: int = 0
    delivered: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    filtered: int = 0
    lost_records: int = 0
    wakeups: int = 0
    events: list[Event] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    skipped: int | None = None

    def __str__(self) -> str:
        rows = [
            (
                one.event,
                f"{one.produced:,}",
                f"{one.delivered:,}",
                f"{_lost(one.dropped):,}",
                f"{one.per_second:,.1f}",
            )
            for one in self.events
        ]
        total = _lost(self.dropped)
        rate = self.produced / self.seconds if self.seconds else 0.0
        rows.append(("total", f"{self.produced:,}", f"{self.delivered:,}", f"{total:,}", f"{rate:,.1f}"))
        head = ("EVENT", "PRODUCED", "DELIVERED", "DROPPED", "PER SECOND")
        rings = [
            (
                str(ring.cpu),
                text.size(ring.bytes),
                text.size(ring.fill),
                f"{text.size(ring.peak)} ({100 * ring.peak / ring.bytes:.0f} %)" if ring.bytes else "-",
                f"{ring.dropped:,}",
            )
            for ring in self.rings
        ]
        filters = [(text.printable(f.rule), f"{f.held_back:,}", f"{f.let_through:,}") for f in self.filters]
        skipped = f" (with all of process {self.skipped}, which reads)" if self.skipped is not None else ""
        counts = f"LOST records {self.lost_records:,}, wake-ups {self.wakeups:,}"
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.dropped.items())
        return "\n".join(
            (
                text.table(head, rows, right="<>>>>"),
                "",
                text.table(("CPU", "RING", "UNREAD", "PEAK", "DROPPED"), rings, right="<>>>>"),
                "",
                *(
                    (text.table(("FILTER", "HELD BACK", "LET THROUGH"), filters, right="<>>"), "")
                    if filters
                    else ()
                ),
                f"{self.seconds:.1f} s, dropped: {reasons}",
                f"filtered {self.filtered:,}{skipped}, {counts}",
            )
        )


def count(session: Session, seconds: float, signals: Signals, *, read: bool = True) -> Counted:
    """Count for so long, or until a signal; with read the rings are emptied meanwhile."""
    peaks: dict[int, int] = {}
    rings: list[CpuStats] = []
    poll = select.poll()
    poll.register(signals.fileno(), select.POLLIN)
    begin = time.monotonic()
    while not signals.received:
        rings = [session.cpu_stats(cpu) for cpu in session.cpus]
        for ring in rings:
            peaks[ring.cpu] = max(peaks.get(ring.cpu, 0), ring.head - ring.position)
        left = begin + seconds - time.monotonic()
        if left <= 0:
            break
        if read:
            session.read_raw(0)
        poll.poll(min(left, INTERVAL) * 1000)
    took = time.monotonic() - begin
    session.stop()
    sums = session.stats()
    counted = Counted(
        took,
        sums.produced,
        sums.delivered,
        dict(sums.dropped),
        sums.filtered,
        sums.lost_records,
        sums.wakeups,
        skipped=session.skipped,
        rings=[Ring(r.cpu, r.head - r.position, peaks[r.cpu], r.bytes, r.dropped) for r in rings],
    )
    for name in session.events:
        one = session.event_stats(name)
        rate = one.produced / took if took else 0.0
        counted.events.append(Event(name, one.produced, one.delivered, dict(one.dropped), round(rate, 1)))
    for decided in session.rule_stats():
        rule, records = decided.rule, decided.records
        passed = rule is not None and rule.action == "include"
        name = str(rule) if rule is not None else "(no include rule matched)"
        counted.filters.append(Filter(name, 0 if passed else records, records if passed else 0))
    return counted


def _lost(dropped: dict[str, int]) -> int:
    return sum(dropped.values())
