# SPDX-License-Identifier: GPL-2.0-only
"""The governor: what hooks cost is held under a budget, the stream says so, and it is given back."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ksonde
from acting import ACT, BUDGET, UNCACHED, Between, Tap, act, assert_fields
from ksonde.record import Record

THINNED, DISARMED, RESTORED = 7, 8, 9
GOVERNOR = 5


class Watched:
    """A session, its records, and what its hooks do."""

    def __init__(self, session: ksonde.Session) -> None:
        self.session = session
        self.records: list[Record] = []

    def hook(self, name: str) -> ksonde.HookInfo:
        (found,) = (hook for hook in self.session.device.hooks() if hook.name == name)
        return found

    @property
    def cost(self) -> int:
        return sum(hook.cost for hook in self.session.device.hooks())

    def steps(self, *what: int) -> list[Record]:
        return [r for r in self.records if r.event == "session_state" and r.what in what]

    def wait(self, what: str, done: Callable[[], object], seconds: float = 40) -> None:
        """Read on until it is so."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"{what}: not in {seconds} s; {self.told()}"
            self.records += self.session.read(0.2)

    def read(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.records += self.session.read(0.2)

    def told(self) -> list[tuple[int, str, int, int, int]]:
        steps = self.steps(THINNED, DISARMED, RESTORED)
        return [(r.what, r.hook_name, r.one_of, r.hook_cost, r.all_cost) for r in steps]


@contextmanager
def load(*command: str | bytes | os.PathLike[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={})
    try:
        yield
    finally:
        assert process.poll() is None, "the load has ended too early"
        process.kill()
        process.wait()


def connects() -> list[str]:
    """A load of connects that takes longer than any test."""
    return [str(ACT[64]), *("connects=200:1", "sleep=10") * 8000]


def set_budget(microseconds: float) -> int:
    """What all hooks may take, ns a second."""
    BUDGET.write_text(str(int(microseconds)))
    return int(BUDGET.read_text()) * 1000


def assert_told_all(watched: Watched) -> None:
    """produced = read + lost, and all that was lost was withheld of connect."""
    session, schema = watched.session, watched.session.device.schema()
    lost = [r for r in watched.records if r.event == "lost"]
    assert {(r.lost_event, r.reason) for r in lost} == {(schema.events["connect"].id, GOVERNOR)}
    counts = Counter(r.event for r in watched.records)
    missing = sum(r.count for r in lost)
    stats, sums = session.stats(), session.event_stats("connect")
    assert sums.dropped["governor"] == missing > 100
    assert sums.produced == counts["connect"] + missing and sums.delivered == counts["connect"]
    assert stats.produced == stats.delivered + missing


def assert_held(watched: Watched, unheld: int, budget: int) -> None:
    """What the load costs comes under the budget and stays there."""
    watched.wait("thinned", lambda: watched.steps(THINNED))
    watched.read(5)
    held = []
    for _ in range(5):
        watched.read(1)
        held.append(watched.cost)
    assert sorted(held)[2] <= budget, f"{held} of {budget}, {unheld} without; {watched.told()}"
    first, schema = watched.steps(THINNED)[0], watched.session.device.schema()
    expected = {
        "what": THINNED,
        "hook_event": schema.events["connect"].id,
        "mechanism": 9,
        "hooks_armed": len([hook for hook in watched.session.device.hooks() if hook.users]),
        "hooks_unavailable": 0,
        "hook_name": "connect",
        "detail": None,
        "one_of": Between(2, 64),
        "hook_cost": Between(budget // 2, 100 * unheld),
        "all_cost": Between(max(budget, first.hook_cost), 100 * unheld),
        "budget": budget,
    }
    assert_fields(schema, first, expected)


def test_held_under_the_budget_and_given_back() -> None:
    """Of a load that would cost four times the budget, as 20 % are of 5 %."""
    with ksonde.open(["connect", "exit"], ring_bytes=32 << 20) as session:
        watched = Watched(session)
        set_budget(10_000_000)
        with load(*connects()):
            watched.read(4)
            costs = []
            for _ in range(5):
                watched.read(1)
                costs.append(watched.cost)
            unheld = sorted(costs)[2]
            assert not watched.told() and unheld > 400_000
            assert_held(watched, unheld, set_budget(unheld / 4000))
            # How far it has to go depends on what the hits cost that are not recorded.
            hook = watched.hook("connect")
            assert hook.state in ("armed", "disarmed") and hook.keep >= 2
            # A session that begins now is told, if it is about what it records.
            with ksonde.open(["connect"]) as other:
                late = [r for r in other.read(1.0) if r.event == "session_state"]
                assert {r.hook_name for r in late if r.what in (THINNED, DISARMED)} == {"connect"}
            with ksonde.open(["exit"]) as other:
                late = [r for r in other.read(1.0) if r.event == "session_state"]
                assert not [r for r in late if r.what in (THINNED, DISARMED)]
        watched.wait("restored", lambda: watched.steps(RESTORED), 60)
        back = watched.steps(RESTORED)[0]
        gap = back.time - max(r.time for r in watched.steps(THINNED, DISARMED) if r.time < back.time)
        assert gap > 9_000_000_000
        watched.wait("restored wholly", lambda: watched.told()[-1][:3] == (RESTORED, "connect", 1), 120)
        assert watched.hook("connect").keep == 0
        tgid = act("connects=50:1", "facts")["facts"]["tgid"]
        tap = Tap(session, lossy=True)
        watched.records += tap.collect()
        assert len(tap.of("connect", tgid)) == 50
        session.stop()
        watched.records += tap.collect()
        assert_told_all(watched)


def test_disarmed_and_armed_again() -> None:
    """When one of 64 is still too much the probes go; after ten seconds without load they come back."""
    with ksonde.open(["connect", "exit"], ring_bytes=16 << 20) as session:
        watched = Watched(session)
        armed = len([hook for hook in session.device.hooks() if hook.users])
        set_budget(1000)
        with load(ACT[64], *["connects=1000:1"] * 20000):
            watched.wait("disarmed", lambda: watched.steps(DISARMED))
            gone = watched.steps(DISARMED)[0]
            assert (gone.hook_name, gone.one_of, gone.hooks_armed) == ("connect", 0, armed - 1)
            assert watched.told()[0][0] == THINNED
            hook = watched.hook("connect")
            assert (hook.users, hook.keep) == (1, 64)
            watched.read(2)
            hits = watched.hook("connect").hits
            with ksonde.open(["connect"]) as other:
                late = [r for r in other.read(1.0) if r.event == "session_state"]
                assert {r.hook_name for r in late if r.what in (THINNED, DISARMED)} == {"connect"}
            same = watched.hook("connect").hits == hits
            watched.read(1)
            # On a slow machine the ten seconds may be over by now, though the load goes on.
            assert same or watched.steps(RESTORED)
        watched.wait("armed again", lambda: watched.steps(RESTORED), 60)
        back = watched.steps(RESTORED)[0]
        assert (back.hook_name, back.one_of, back.hooks_armed) == ("connect", 64, armed)
        assert back.time - gone.time > 9_000_000_000
        # Without a budget nothing is held back.
        set_budget(0)
        watched.wait("restored wholly", lambda: watched.told()[-1][:3] == (RESTORED, "connect", 1))
        hook = watched.hook("connect")
        assert (hook.state, hook.keep) == ("armed", 0)
        tgid = act("connects=50:1", "facts")["facts"]["tgid"]
        tap = Tap(session, lossy=True)
        tap.collect()
        assert len(tap.of("connect", tgid)) == 50
        stats = session.stats()
        assert stats.produced == stats.delivered + sum(stats.dropped.values())
        assert stats.dropped["missed"] == 0


def test_what_others_need_is_kept_up() -> None:
    """Of the bookkeeping only records are left out: nobody becomes unknown by it."""
    with ksonde.open(["fork", "exit", "connect"], ring_bytes=16 << 20) as session:
        watched = Watched(session)
        set_budget(1)
        # Threads cost the bookkeeping something, and are no records.
        with load(ACT[64], "threads=100000000"):
            watched.wait("no records", lambda: any(step[2] == 0 for step in watched.told()), 60)
            none = next(step for step in watched.told() if step[2] == 0)
            assert none[:2] in ((THINNED, "process_fork"), (THINNED, "process_exit"))
            set_budget(10_000_000)
            hooks = {hook.name: hook.state for hook in session.device.hooks()}
            assert {hooks[name] for name in ("process_exec", "process_exit", "process_fork")} == {"armed"}
            # This process's own forks are not recorded for its session.
            facts = act("facts", "connects=5:1", "fork", "exit=0")["facts"]
            watched.read(1)
            mine = [r for r in watched.records if r.event == "connect" and r.tgid == facts["tgid"]]
            assert len(mine) == 5
            assert all(r.exe == facts["exe"] and not r.flags & UNCACHED for r in mine)
            name = {"process_fork": "fork", "process_exit": "exit"}[none[1]]
            dropped = session.event_stats(name).dropped["governor"]
            assert dropped >= 1
    # The next one begins with all.
    with ksonde.open(["fork", "exit"]) as session:
        assert {hook.keep for hook in session.device.hooks()} == {0}
        tap = Tap(session)
        tgid = act("facts")["facts"]["tgid"]
        tap.collect()
        assert len(tap.of("exit", tgid)) == 1
