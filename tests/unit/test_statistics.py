# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
import signal

from fakes import FakeSession, execve
from ksonde.statistics import Counted, count
from ksonde.watching import Signals


def counted(seconds: float, *, read: bool = True) -> tuple[Counted, FakeSession]:
    with (
        Signals() as signals,
        FakeSession([[execve("a")], [execve("b")]], events=["execve", "fork"]) as session,
    ):
        session.dropped["full"] = 2
        return count(session, seconds, signals, read=read), session  # type: ignore[arg-type] # a stand-in


def test_sums_rates_and_rings() -> None:
    sums, session = counted(0.25)
    assert not session.batches
    assert session.calls == ["stop"]
    assert (sums.produced, sums.delivered, sums.dropped["full"]) == (10, 8, 2)
    assert [one.event for one in sums.events] == ["execve", "fork"]
    assert 2 < sums.events[0].per_second <= 20
    assert [(ring.cpu, ring.fill, ring.peak) for ring in sums.rings] == [(0, 4096, 4096), (1, 4096, 4096)]
    shown = str(sums)
    assert "total 10 8 2 " in " ".join(shown.split())
    assert "0 4 MiB 4 KiB 4 KiB (0 %) 0" in " ".join(shown.split())
    assert "dropped: full 2, nested 0, overwritten 0, missed 0, rate_limit 0, governor 0" in shown


def test_without_reading() -> None:
    _, session = counted(0.1, read=False)
    assert len(session.batches) == 2


def test_a_signal_ends_it_early() -> None:
    with Signals() as signals, FakeSession(events=["fork"]) as session:
        os.kill(os.getpid(), signal.SIGINT)
        assert count(session, 60, signals).seconds < 10  # type: ignore[arg-type] # a stand-in
