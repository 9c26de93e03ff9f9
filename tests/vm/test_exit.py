# SPDX-License-Identifier: GPL-2.0-only
"""Event 60."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acting import Done, Tap, act, context_of, flags_of
from ksonde.record import Record

EVENTS = ["exit"]


def fields_of(done: Done, record: Record, **other: Any) -> dict[str, Any]:
    expected: dict[str, Any] = {
        "code": None,
        "signal": None,
        "core_dumped": 0,
        "run_time": record.time - record.start_time,
        "peak_rss": done.usage.ru_maxrss * 1024,
    }
    assert set(other) <= set(expected)
    return {**expected, **other}


@pytest.mark.parametrize("code", [0, 1, 255])
def test_status(tap: Tap, bits: int, code: int) -> None:
    done = act("comm=leaving", "sleep=50", f"exit={code}", bits=bits, status=code)
    facts = done["exit"]
    tap.collect()
    record = tap.one("exit", facts["tgid"])
    tap.check(
        record, context_of(facts), fields_of(done, record, code=code), flags=flags_of(bits), within=done
    )
    assert record.run_time >= 50_000_000


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_signal(tap: Tap, bits: int, number: signal.Signals) -> None:
    done = act(f"kill={int(number)}", bits=bits, status=-number)
    facts = done["kill"]
    tap.collect()
    record = tap.one("exit", facts["tgid"])
    tap.check(
        record,
        context_of(facts),
        fields_of(done, record, signal=int(number)),
        flags=flags_of(bits),
        within=done,
    )


@pytest.fixture
def core_pattern(place: Path) -> Iterator[Path]:
    path = Path("/proc/sys/kernel/core_pattern")
    was = path.read_text()
    path.write_text(f"{place}/core.%p")
    yield place
    path.write_text(was)


def test_core_dump(tap: Tap, core_pattern: Path, bits: int) -> None:
    done = act("crash", bits=bits, status=-signal.SIGSEGV)
    facts = done["crash"]
    assert list(core_pattern.glob("core.*")), "the system made no core dump"
    tap.collect()
    record = tap.one("exit", facts["tgid"])
    data = fields_of(done, record, signal=int(signal.SIGSEGV), core_dumped=1)
    # No system call ended it.
    tap.check(record, context_of(facts), data, within=done)


def test_last_thread(tap: Tap, bits: int) -> None:
    """The first thread is gone long before: one record, made by the last, of the whole process."""
    done = act("lastthread=7", bits=bits, status=None)
    facts = done["last"]
    assert facts["tid"] != facts["tgid"]
    tap.collect()
    record = tap.one("exit", facts["tgid"])
    assert record.tid == facts["tid"]
    data = fields_of(done, record, code=done.status)
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


def test_exit_group(tap: Tap) -> None:
    """A process of many threads that ends at once: one record."""
    done = act("thread", "threads=3", "quit=9", status=9)
    tap.collect()
    record = tap.one("exit", done["threads"]["tgid"])
    assert record.code == 9 and record.signal is None


def test_peak(tap: Tap) -> None:
    """The greatest resident set, not the last one."""
    done = act("memory=50000000", "exit=0")
    facts = done["exit"]
    assert done.usage.ru_maxrss > 48_000
    tap.collect()
    record = tap.one("exit", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(done, record, code=0), within=done)


def test_identity_is_that_of_the_fork(tap: Tap) -> None:
    done = act("spawn", "facts")
    child, parent = done["child"], done["facts"]
    tap.collect()
    first = tap.one("exit", child["tgid"])
    assert (first.parent_tgid, first.parent_start_time) == (
        parent["tgid"],
        tap.one("exit", parent["tgid"]).start_time,
    )
