# SPDX-License-Identifier: GPL-2.0-only
"""Limits: what is beyond is withheld, of this session only, and the stream tells how many they were."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

import ksonde
from acting import Between, Tap, act, assert_fields, boottime, waiting
from ksonde import Limit, Rule
from ksonde.errors import BadLimit
from ksonde.record import Record

RATE_LIMIT = 4
SECOND = 1_000_000_000


def finish(session: ksonde.Session, tap: Tap) -> list[Record]:
    """All that is left, to the last record."""
    got = tap.collect()
    session.stop()
    return got + tap.collect()


def assert_told(session: ksonde.Session, got: list[Record], *events: str) -> dict[str, int]:
    """produced = read + lost, of each event; how many LOST records say were withheld."""
    counts = Counter(record.event for record in got)
    names = session.device.schema().by_id
    missing: Counter[str] = Counter()
    for record in got:
        if record.event == "lost" and record.reason == RATE_LIMIT:
            missing[names[record.lost_event].name] += record.count
    for event in events:
        sums = session.event_stats(event)
        assert sums.dropped["rate_limit"] == missing[event]
        assert sums.delivered == counts[event]
        assert sums.produced == sums.delivered + sum(sums.dropped.values())
    stats = session.stats()
    assert stats.produced == stats.delivered + sum(stats.dropped.values())
    assert session.lost == sum(stats.dropped.values())
    return dict(missing)


def test_per_second(tmpfs: Path) -> None:
    """Fifty a second, of all processes together; nothing of it touches another event or another session."""
    before = boottime()
    limit = Limit(("connect",), per_second=50)
    with (
        ksonde.open(["connect", "create_file"], limits=[limit]) as session,
        ksonde.open(["connect"], ring_bytes=32 << 20) as other,
    ):
        tap, free = Tap(session, lossy=True), Tap(other)
        count, got, all_of = 0, [], []
        # On a busy machine one act can take more than a second.
        while count < 6 or boottime() - before < 4 * SECOND:
            act("connects=400:1", f"creates=3:{tmpfs}/f", f"cpu={count % 2}", "connects=20:1")
            count += 1
            got += tap.collect()
            all_of += free.collect()
        got += finish(session, tap)
        after = boottime()
        all_of += free.collect()
        missing = assert_told(session, got, "connect", "create_file")
        session_filtered = session.stats().filtered
    assert [record.event for record in all_of].count("connect") == 420 * count
    assert [record.event for record in got].count("create_file") == 3 * count
    assert set(missing) == {"connect"} and session_filtered == 0
    passed = 420 * count - missing["connect"]
    # So many at once, and then the rate; the clocks of CPUs differ by less than is allowed here.
    seconds = (after - before) / SECOND
    assert 50 <= passed <= 50 + 50 * seconds + 1
    lost = [record for record in got if record.event == "lost"]
    for record in lost:
        assert before <= record.first_time <= record.last_time <= record.time <= after
        expected = {
            "lost_event": tap.schema.events["connect"].id,
            "reason": RATE_LIMIT,
            "count": Between(1, missing["connect"]),
            "first_time": Between(before, record.last_time),
            "last_time": Between(record.first_time, record.time),
        }
        assert_fields(tap.schema, record, expected)
    for cpu in session.cpus:
        mine = [record for record in lost if record.cpu == cpu]
        assert len(mine) >= 2
        # Once a second; the last one came when the session ended.
        for one, other_one in zip(mine, mine[1:-1]):
            assert other_one.time - one.time >= 0.99 * SECOND
        # Numbers of what was withheld are used up.
        numbers = [record.seq for record in got if record.cpu == cpu and record.event != "lost"]
        assert numbers == sorted(set(numbers))
        # The last LOST record has the number that the next record would have had.
        used = max(numbers[-1] + 1, mine[-1].seq)
        assert used - len(numbers) == sum(record.count for record in mine)


def test_per_process() -> None:
    """A loud process takes nothing from the others."""
    limits = [Limit(("connect",), per_second=10000, per_process=20)]
    with ksonde.open(["connect", "exit"], limits=limits) as session:
        tap = Tap(session, lossy=True)
        loud = waiting("connects=500:1", "ready", "connects=500:1")
        quiet = [act("connects=5:1", "facts")["facts"]["tgid"] for _ in range(12)]
        after = boottime()
        loud.go()
        got = finish(session, tap)
        missing = assert_told(session, got, "connect", "exit")
    counts = Counter(record.tgid for record in got if record.event == "connect")
    assert [counts[tgid] for tgid in quiet] == [5] * len(quiet)
    mine = [record.time for record in got if record.event == "connect" and record.tgid == loud.process.pid]
    assert 20 <= sum(time < after for time in mine) < 100
    assert missing == {"connect": 1000 - len(mine)}


def test_one_process_and_all_of_them() -> None:
    """Both hold: none has more than its share, and all together no more than theirs."""
    limits = [Limit(("connect",), per_second=60, per_process=25)]
    with ksonde.open(["connect"], limits=limits) as session:
        tap = Tap(session, lossy=True)
        began = boottime()
        tgids = [act("connects=200:1", "facts")["facts"]["tgid"] for _ in range(8)]
        seconds = (boottime() - began) / SECOND
        got = finish(session, tap)
        missing = assert_told(session, got, "connect")
    counts = [sum(r.event == "connect" and r.tgid == tgid for r in got) for tgid in tgids]
    assert counts[0] >= 25 and max(counts) <= 25 + 25 * seconds
    assert 60 <= sum(counts) <= 60 + 60 * seconds + 1
    assert missing == {"connect": 1600 - sum(counts)}


def test_more_processes_than_are_known() -> None:
    """Who is forgotten begins anew: more is recorded then, never less."""
    with ksonde.open(["exit", "fork"], limits=[Limit(("fork", "exit"), per_process=1)]) as session:
        tap = Tap(session)
        tgid = act("facts")["facts"]["tgid"]
        for _ in range(300):
            pid = os.fork()
            if not pid:
                os._exit(0)
            os.waitpid(pid, 0)
        got = finish(session, tap)
    assert [record.event for record in got if record.event == "exit" and record.tgid == tgid] == ["exit"]
    # This process itself is left out, its children are not.
    assert sum(record.event == "exit" for record in got) >= 301


def test_silence_is_broken() -> None:
    """A reader that waits is told a second after the first one was withheld, though nothing else comes."""
    with ksonde.open(["connect"], limits=[Limit(("connect",), per_second=1)]) as session:
        act("cpu=0", "connects=30:1")
        began = boottime()
        got: list[Record] = []
        while not [record for record in got if record.event == "lost"]:
            some = session.read(5.0)
            assert some, "the reader was not woken"
            got += some
        (lost,) = (record for record in got if record.event == "lost")
        assert lost.count + sum(record.event == "connect" for record in got) == 30
        assert boottime() - began < 3 * SECOND
        assert 0.99 * SECOND <= lost.time - lost.first_time < 3 * SECOND


def test_a_change_takes_effect_at_once() -> None:
    few = [Limit(("connect",), per_process=2)]
    with ksonde.open(["connect"]) as session:
        tap = Tap(session, lossy=True)

        def seen() -> int:
            tgid = act("connects=10:1", "facts")["facts"]["tgid"]
            tap.collect()
            return len(tap.of("connect", tgid))

        assert seen() == 10
        session.set_limits(few)
        assert [record.what for record in tap.collect() if record.event == "session_state"] == [5]
        assert seen() in (2, 3)
        with pytest.raises(BadLimit):
            session.set_limits([Limit(("create_file",), 5)])
        assert seen() in (2, 3)
        # What a rule holds back is not withheld, and takes no share.
        before = session.stats()
        session.set_rules([Rule("exclude", ("connect",))])
        assert seen() == 0
        after = session.stats()
        assert after.dropped == before.dropped and after.filtered - before.filtered >= 10
        session.set_rules([])
        session.set_limits([])
        assert seen() == 10
        session.set_limits([])
        # Only changes are told.
        assert not [record for record in tap.collect() if record.event == "session_state"]


def test_with_a_ring_that_is_full(tmpfs: Path) -> None:
    """Both reasons at once: each is told with its own number."""
    limits = [Limit(("create_file",), per_second=400)]
    with ksonde.open(["create_file"], ring_bytes=65536, limits=limits) as session:
        tap = Tap(session, lossy=True)
        got: list[Record] = []
        for _ in range(3):
            act("cpu=0", f"creates=1500:{tmpfs}/f")
            got += tap.collect()
        got += finish(session, tap)
        assert_told(session, got, "create_file")
        dropped = session.stats().dropped
    assert dropped["full"] > 0 and dropped["rate_limit"] > 0
    full = sum(record.count for record in got if record.event == "lost" and record.reason == 0)
    assert full == dropped["full"]
