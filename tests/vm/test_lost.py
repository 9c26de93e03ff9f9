# SPDX-License-Identifier: GPL-2.0-only
"""Event 900: what is not delivered is known, to the last record."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import ksonde
from acting import Between, Tap, act, assert_fields, boottime, load, unload, waiting
from ksonde.record import Record

RING = 64 << 10
REASONS = ("full", "nested", "overwritten", "missed")


def own(records: Iterable[Record]) -> list[Record]:
    return [record for record in records if record.event not in ("lost", "session_state")]


def assert_gaps_explained(records: list[Record]) -> None:
    """A CPU's sequence numbers go from 0 up; those that lack are as many as its LOST records say."""
    for cpu in {record.cpu for record in records}:
        mine = [record for record in records if record.cpu == cpu]
        numbers = [record.seq for record in mine if record.event != "lost"]
        assert numbers == sorted(set(numbers)), "out of order, or twice"
        told = 0
        expected = 0
        for record in mine:
            if record.event == "lost":
                told += record.count
                continue
            # A gap is told before what comes behind it.
            assert record.seq == expected + told, f"cpu {cpu}: {record.seq}, not {expected} + {told} lost"
            expected, told = record.seq + 1, 0


@pytest.mark.parametrize("count", [300, 5000])
def test_reader_that_stopped(tmpfs: Path, count: int) -> None:
    """A small ring nobody reads: produced = read + lost exactly, in sum and by event."""
    before = boottime()
    with ksonde.open(["create_file", "connect"], ring_bytes=RING) as session:
        tap = Tap(session, lossy=True)
        # On one CPU: spread over two, 300 fit into the rings.
        done = act("cpu=0", f"creates={count}:{tmpfs}/f", f"connects={count // 2}:1", "ids=1:1:1:1:1:1")
        assert not done.lines or done["creates"]["result"] == count
        got = tap.collect()
        # A last one on each CPU has the stream say what is still unsaid.
        for cpu in session.cpus:
            act(f"cpu={cpu}", "connects=1:1")
        got += tap.collect()
        session.stop()
        got += tap.collect()
        stats = session.stats()
        by_event = {name: session.event_stats(name) for name in ("create_file", "connect")}
        lost = [record for record in got if record.event == "lost"]
        after = boottime()
        assert session.lost == sum(record.count for record in lost) > 0
    counts = Counter(record.event for record in own(got))
    missing: Counter[str] = Counter()
    for record in lost:
        name = tap.schema.by_id[record.lost_event].name
        missing[name] += record.count
        assert record.reason == REASONS.index("full")
        assert before <= record.first_time <= record.last_time <= record.time <= after
        assert record.count > 1 or record.first_time == record.last_time
        assert (record.flags, record.hook, record.absent) == (0, None, 0)
        expected = {
            "lost_event": tap.schema.events[name].id,
            "reason": REASONS.index("full"),
            "count": Between(1, sum(sums.dropped["full"] for sums in by_event.values())),
            "first_time": Between(before, record.last_time),
            "last_time": Between(record.first_time, record.time),
        }
        assert_fields(tap.schema, record, expected)
    for name, sums in by_event.items():
        assert sums.produced == counts[name] + missing[name]
        assert sums.delivered == counts[name]
        assert sums.dropped["full"] == missing[name] and missing[name] > 0
        assert sums.dropped["nested"] == sums.dropped["missed"] == sums.dropped["overwritten"] == 0
    assert by_event["create_file"].produced == count
    assert by_event["connect"].produced == count // 2 + len(os.sched_getaffinity(0))
    assert stats.lost_records == len(lost)
    assert stats.dropped["full"] == sum(missing.values())
    assert stats.delivered == len(got) - len(lost)
    assert stats.produced == stats.delivered + sum(stats.dropped.values())
    assert_gaps_explained(got)


def test_nothing_lost(tmpfs: Path) -> None:
    """A large ring nobody reads for a while."""
    with ksonde.open(["create_file"], ring_bytes=8 << 20) as session:
        tap = Tap(session)
        facts = act(f"creates=5000:{tmpfs}/f")["creates"]
        got = tap.collect()
        assert len(tap.of("create_file", facts["tgid"])) == 5000
        assert_gaps_explained(got)
        stats = session.stats()
        assert stats.produced == stats.delivered == len(got) and not sum(stats.dropped.values())
        assert session.lost == 0


def test_reader_that_comes_back(tmpfs: Path) -> None:
    """Lost, read, lost again: each gap at its place."""
    with ksonde.open(["create_file"], ring_bytes=RING) as session:
        tap = Tap(session, lossy=True)
        got: list[Record] = []
        for _ in range(4):
            act("cpu=0", f"creates=800:{tmpfs}/f")
            got += tap.collect()
        act("cpu=0", f"creates=1:{tmpfs}/f")
        got += tap.collect()
        lost = [record for record in got if record.event == "lost"]
        assert len(lost) >= 4
        assert len([r for r in got if r.event == "create_file"]) + sum(r.count for r in lost) == 4 * 800 + 1
        assert_gaps_explained(got)
        assert session.cpu_stats(0).dropped == sum(record.count for record in lost if record.cpu == 0)


def test_flight_recorder(tmpfs: Path) -> None:
    """The newest are kept; what they pushed out is counted."""
    with ksonde.open(["create_file"], ring_bytes=RING, mode="flight-recorder") as session:
        act("cpu=0", f"creates=3000:{tmpfs}/f")
        session.stop()
        got = session.read(0)
        while some := session.read(0):
            got += some
        stats = session.stats()
    names = [record.path for record in got if record.event == "create_file" and record.cpu == 0]
    last = [f"{tmpfs}/f{number}" for number in range(3000)][-len(names) :]
    assert names == last and 50 < len(names) < 1000
    assert stats.dropped["overwritten"] > 2000 and not stats.dropped["full"]
    # The session's own records count: started, one a hook, stopped.
    assert stats.delivered == len(got) + stats.dropped["overwritten"]


@pytest.fixture
def by_kretprobe() -> Iterator[None]:
    """The module prefers kretprobes."""
    assert unload() == 0
    assert load(b"prefer=kretprobe") == 0
    yield
    assert unload() == 0
    assert load() == 0


@pytest.mark.usefixtures("by_kretprobe")
def test_missed_by_the_mechanism(place: Path) -> None:
    """More calls under way than the mechanism has room for: counted, and told."""
    with socket.socket(socket.AF_UNIX) as server, ksonde.open(["connect"]) as session:
        server.bind(str(place / "full"))
        server.listen(0)
        tap = Tap(session, lossy=True)
        running = waiting(f"blocked=700:{place}/full", "sleep=3000", "ready")
        running.go()
        got = tap.collect()
        session.stop()
        got += tap.collect()
        stats = session.stats()
    lost = [record for record in got if record.event == "lost"]
    mine = [record for record in got if record.event == "connect"]
    missed = sum(record.count for record in lost)
    assert stats.dropped["missed"] == missed > 0
    for record in lost:
        expected = {
            "lost_event": tap.schema.events["connect"].id,
            "reason": REASONS.index("missed"),
            "count": Between(1, missed),
            "first_time": Between(1, record.last_time),
            "last_time": Between(1, record.time),
        }
        assert_fields(tap.schema, record, expected)
    assert len(mine) + missed == 700
    assert stats.produced == stats.delivered + sum(stats.dropped.values())


def test_outcomes_missed(full: socket.socket) -> None:
    """More connects in progress than are kept: those whose outcome will not be told are counted."""
    count = 900
    with ksonde.open(["connect"]) as session:
        tap = Tap(session, lossy=True)
        tgid = act(f"underway={count}:{full.getsockname()[1]}")["underway"]["tgid"]
        tap.collect()
        stats = session.stats()
    told = tap.of("connect", tgid, stage=2)
    missed = sum(record.count for record in tap.of("lost"))
    assert len(tap.of("connect", tgid, stage=1)) == count
    assert 0 < missed < count and len(told) == count - missed
    assert {record.result for record in told} == {None}
    assert stats.dropped["missed"] == missed and stats.produced == stats.delivered + missed
