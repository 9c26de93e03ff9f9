# SPDX-License-Identifier: GPL-2.0-only
"""Rules: what is recorded of whom, and that a change of them is one."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import ksonde
from acting import ACT, CGROUPS, NASTY, Tap, act, cgroup_id, waiting
from ksonde import Rule
from ksonde.errors import BadRule

EVENTS = ["connect", "create_file", "execve", "exit"]


@pytest.fixture
def session() -> Iterator[ksonde.Session]:
    with ksonde.open(EVENTS) as session:
        yield session


def seen(tap: Tap, *steps: str, program: Path | None = None, event: str = "connect") -> int:
    """How many records of an event there are of an act."""
    tgid = act(*steps, "facts", program=program)["facts"]["tgid"]
    tap.collect()
    return len(tap.of(event, tgid))


def counts(session: ksonde.Session) -> list[int]:
    return [one.records for one in session.rule_stats()]


CONNECT = "connects=3:1"
USER = "ids=4242:4242:4242:4242:4242:4242"


def test_by_uid(session: ksonde.Session) -> None:
    tap = Tap(session)
    session.set_rules([Rule("exclude", ("connect",), uid=4242)])
    before = session.stats().filtered
    assert (seen(tap, USER, CONNECT), seen(tap, CONNECT)) == (0, 3)
    assert seen(tap, USER, CONNECT, event="exit") == 1
    assert counts(session) == [6]
    assert session.stats().filtered - before >= 6
    session.set_rules([Rule("include", ("connect", "exit"), uid=4242)])
    assert (seen(tap, USER, CONNECT), seen(tap, CONNECT)) == (3, 0)
    assert seen(tap, CONNECT, event="exit") == 0
    assert seen(tap, "creates=2:/tmp/rules", event="create_file") == 2
    let_through, held_back = counts(session)
    assert let_through == 4 and held_back >= 5
    session.set_rules([])
    assert (seen(tap, USER, CONNECT), seen(tap, CONNECT)) == (3, 3)
    assert counts(session) == []


def test_exclude_wins(session: ksonde.Session) -> None:
    tap = Tap(session)
    session.set_rules(
        [Rule("include", ("connect",), exe_prefix="/"), Rule("exclude", ("connect",), uid=4242)]
    )
    assert (seen(tap, USER, CONNECT), seen(tap, CONNECT)) == (0, 3)
    assert counts(session) == [3, 3, 0]


def test_by_exe(session: ksonde.Session, tmpfs: Path) -> None:
    """Byte for byte, whole or how it begins; the executable of a process that was there, of a new one."""
    tap = Tap(session)
    folder = Path(os.fsdecode(os.fsencode(tmpfs / NASTY)))
    folder.mkdir()
    one, two = folder / "one", folder / "one more"
    for path in (one, two):
        shutil.copy(ACT[64], path)
    exe = os.fsdecode(os.fsencode(one))

    def both() -> tuple[int, int]:
        return seen(tap, CONNECT, program=one), seen(tap, CONNECT, program=two)

    session.set_rules([Rule("exclude", ("connect",), exe=exe)])
    assert both() == (0, 3)
    session.set_rules([Rule("exclude", ("connect",), exe_prefix=exe)])
    assert both() == (0, 0)
    session.set_rules([Rule("include", ("connect",), exe=exe)])
    assert both() == (3, 0)
    session.set_rules([Rule("include", ("connect",), exe_prefix=exe + " ")])
    assert both() == (0, 3)
    session.set_rules([Rule("exclude", ("connect",), exe_prefix=str(folder)[:-1] + "X")])
    assert both() == (3, 3)


def test_an_exe_that_is_too_long_is_recorded(session: ksonde.Session, tmpfs: Path) -> None:
    tap = Tap(session)
    folder = tmpfs / ("a" * 200) / ("b" * 200)
    folder.mkdir(parents=True)
    shutil.copy(ACT[64], folder / "act")
    for rule in (Rule("exclude", exe_prefix=str(tmpfs)), Rule("include", exe_prefix="/elsewhere/")):
        session.set_rules([rule])
        assert (seen(tap, CONNECT, program=folder / "act"), counts(session)[0] > 0) == (
            3,
            rule.action == "include",
        )


def test_by_process(session: ksonde.Session) -> None:
    tap = Tap(session)
    here = waiting("connects=1:1", "ready", CONNECT)
    tgid = here.facts["tgid"]
    tap.collect()
    start = tap.one("connect", tgid).start_time
    session.set_rules([Rule("exclude", ("connect",), process=(tgid, start))])
    assert seen(tap, CONNECT) == 3
    here.go()
    tap.collect()
    assert not tap.of("connect", tgid) and len(tap.of("exit", tgid)) == 1
    with pytest.raises(BadRule, match="there is no process"):
        session.set_rules([Rule("include", process=(tgid, start))])
    assert counts(session) == [3]


def test_by_namespace(session: ksonde.Session) -> None:
    tap = Tap(session)
    mine = os.stat("/proc/self/ns/mnt").st_ino
    pids = os.stat("/proc/self/ns/pid").st_ino
    session.set_rules([Rule("exclude", ("connect",), mnt_ns=mine)])
    assert (seen(tap, CONNECT), seen(tap, "unshare=mnt", CONNECT)) == (0, 3)
    session.set_rules([Rule("include", ("connect",), mnt_ns=mine)])
    assert (seen(tap, CONNECT), seen(tap, "unshare=mnt", CONNECT)) == (3, 0)
    session.set_rules([Rule("include", ("connect",), pid_ns=pids)])
    assert seen(tap, CONNECT) == 3
    done = act("unshare=pid", "fork", CONNECT, "facts")
    tap.collect()
    assert done["facts"]["pid_ns"] != pids and not tap.of("connect")
    session.set_rules([Rule("exclude", ("connect",), pid_ns=pids)])
    done = act("unshare=pid", "fork", CONNECT, "facts")
    tap.collect()
    assert len([record for record in tap.of("connect") if record.pid_ns == done["facts"]["pid_ns"]]) == 3
    assert seen(tap, CONNECT) == 0


def test_by_cgroup(session: ksonde.Session) -> None:
    tap = Tap(session)
    group = CGROUPS / "rules"
    group.mkdir()
    try:
        number = cgroup_id("rules")
        for action, inside, outside in (("exclude", 0, 3), ("include", 3, 0)):
            session.set_rules([Rule(action, ("connect",), cgroup=number)])  # type: ignore[arg-type]
            assert seen(tap, f"cgroup={group}", CONNECT) == inside
            assert seen(tap, CONNECT) == outside
    finally:
        group.rmdir()


def test_the_change_is_told(session: ksonde.Session) -> None:
    tap = Tap(session)
    tap.collect()
    session.set_rules([Rule("exclude", uid=4242)])
    tap.collect()
    assert [record.what for record in tap.of("session_state")] == [5]


def test_rules_from_the_beginning_and_kept() -> None:
    rules = [Rule("exclude", ("connect",), uid=4242)]
    with ksonde.open(["connect"], rules=rules) as session:
        tap = Tap(session)
        assert seen(tap, USER, CONNECT) == 0
        session.stop()
        session.start()
        assert seen(tap, USER, CONNECT) == 0
        session.follow(os.getpid())
        session.follow(None)
        assert seen(tap, USER, CONNECT) == 0
        assert seen(tap, CONNECT) == 3


def test_a_session_beside_it_has_its_own(session: ksonde.Session) -> None:
    with ksonde.open(["connect"]) as other:
        taps = Tap(session), Tap(other)
        session.set_rules([Rule("exclude", ("connect",))])
        tgid = act(CONNECT)["connects"]["tgid"]
        for tap in taps:
            tap.collect()
        assert [len(tap.of("connect", tgid)) for tap in taps] == [0, 3]


def test_a_change_under_a_storm_is_one() -> None:
    """Each of these lets one process through and holds the other one back; so must what is between them."""
    many = 20_000
    with ksonde.open(["connect"], ring_bytes=16 << 20) as session:
        tap = Tap(session)
        good = waiting("connects=1:1", "ready", f"connects={many}:1")
        bad = waiting(USER, "connects=1:1", "ready", f"connects={many}:1")
        tap.collect()
        who = good.facts["tgid"], tap.one("connect", good.facts["tgid"]).start_time
        not_who = bad.facts["tgid"], tap.one("connect", bad.facts["tgid"]).start_time
        choices = [
            [Rule("include", uid=0)],
            [Rule("exclude", uid=4242)],
            [*(Rule("include", process=(who[0], who[1])) for _ in range(64))],
            [*(Rule("exclude", uid=number) for number in range(4242 - 63, 4243))],
            [*(Rule("include", uid=number) for number in range(5000, 5062)), Rule("include", uid=0)],
            [Rule("include", exe_prefix="/"), Rule("exclude", process=not_who)],
        ]
        session.set_rules(choices[0])
        before = session.stats().filtered
        threads = [threading.Thread(target=one.go) for one in (good, bad)]
        for thread in threads:
            thread.start()
        changes = 0
        while any(thread.is_alive() for thread in threads):
            try:
                session.set_rules(choices[changes % len(choices)])
            except BadRule:
                # It has ended.
                session.set_rules(choices[0])
            changes += 1
        for thread in threads:
            thread.join()
        tap.collect()
        assert changes > 20
        assert len(tap.of("connect", who[0])) == many
        assert not tap.of("connect", not_who[0])
        assert session.stats().filtered - before >= many
