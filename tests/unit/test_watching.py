# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from fakes import FakeScanner, FakeSession, execve, record
from ksonde.command import Command
from ksonde.record import Record
from ksonde.watching import Signals, Summary, Watch
from support import CONNECT

FORK = record("fork", {"child_tgid": 1})
LOST = record("lost", {"lost_event": 59, "reason": 0, "count": 3})


def run(session: FakeSession, signals: Signals, **options: Any) -> tuple[list[Record], Watch]:
    seen: list[Record] = []

    def show(records: Sequence[Record]) -> None:
        seen.extend(records)

    watching = Watch(session, show, signals, **options)  # type: ignore[arg-type] # a stand-in
    watching.run()
    return seen, watching


def test_time_ends_it() -> None:
    with Signals() as signals, FakeSession([[execve("a")], [FORK, LOST]]) as session:
        seen, watching = run(session, signals, seconds=0.2)
    assert [one.event for one in seen] == ["execve", "fork", "lost"]
    assert session.calls == ["stop"]
    assert 0.2 <= watching.summary.seconds < 2
    assert watching.summary.events == Counter({"execve": 1, "fork": 1})


def test_findings_are_shown_as_they_come() -> None:
    found = record("idt_hook", {"where": "gate 5"})
    with Signals() as signals, FakeSession() as session, FakeScanner(found) as scanner:
        begin = time.monotonic()
        seen, watching = run(session, signals, seconds=30, count=1, scanner=scanner)
    assert seen == [found]
    assert watching.summary.events == Counter({"idt_hook": 1})
    assert time.monotonic() - begin < 10


def test_a_number_ends_it_in_the_middle_of_a_batch() -> None:
    with Signals() as signals, FakeSession([[LOST, execve("a"), FORK, LOST, execve("b")], [FORK]]) as session:
        seen, _ = run(session, signals, count=2)
    assert [one.event for one in seen] == ["lost", "execve", "fork", "lost"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_the_rest_is_shown(number: int) -> None:
    with Signals() as signals, FakeSession() as session:

        def later() -> None:
            time.sleep(0.1)
            session.feed([FORK])
            os.kill(os.getpid(), number)

        thread = threading.Thread(target=later)
        thread.start()
        seen, _ = run(session, signals, seconds=30)
        thread.join()
    assert seen == [FORK]
    assert signals.received == [number]


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Signals():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_the_end_of_the_command_ends_it() -> None:
    with Command(["true"]) as command, Signals() as signals, FakeSession([[execve("true")]]) as session:
        seen, _ = run(session, signals, command=command, seconds=30)
        assert command.end() == 0
    assert [one.event for one in seen] == ["execve"]


def test_a_signal_is_the_commands_and_the_second_is_ours() -> None:
    script = "trap 'exit 9' TERM; echo; while :; do sleep 0.05; done"
    read, write = os.pipe()
    with (
        Command(["sh", "-c", script], stdout=write) as command,
        Signals() as signals,
        FakeSession() as session,
    ):

        def later() -> None:
            os.read(read, 1)
            os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=later)
        thread.start()
        run(session, signals, command=command, seconds=30)
        thread.join()
        assert command.wait() == 9
    os.close(read)
    os.close(write)


def test_a_device_that_fails_ends_it() -> None:
    with Signals() as signals, FakeSession() as session:
        os.close(session._write)
        session._write = os.open(os.devnull, os.O_WRONLY)
        _, watching = run(session, signals, seconds=30)
    assert watching.summary.seconds < 20


def test_summary() -> None:
    summary = Summary(20.04)
    assert str(summary) == "0 events in 20.0 s\nlost 0"
    summary.add([execve("a"), execve("b"), record("connect", CONNECT), LOST])
    assert str(summary) == "3 events in 20.0 s: execve 2, connect 1\nlost 0"
    with FakeSession(events=["execve", "connect"]) as session:
        session.dropped = {"full": 1200, "nested": 1, "overwritten": 0, "missed": 0}
        summary.finish(session)  # type: ignore[arg-type] # a stand-in
    assert str(summary).split("\n")[1] == "lost 1,201 (execve 1,201; full 1,200, nested 1)"
