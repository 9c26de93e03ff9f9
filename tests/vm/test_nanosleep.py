# SPDX-License-Identifier: GPL-2.0-only
"""Event 35."""

from __future__ import annotations

import pytest

from acting import COMPAT, Tap, act, context_of

EVENTS = ["nanosleep"]

REALTIME, MONOTONIC, CPUTIME, BOOTTIME, TAI = 0, 1, 2, 7, 11
ABSTIME = 1


@pytest.mark.parametrize(
    ("step", "clock", "absolute", "seconds", "nanoseconds"),
    [
        ("nanosleep=1:2", MONOTONIC, 0, 1, 2),
        ("nanosleep=0:999", MONOTONIC, 0, 0, 999),
        (f"clocksleep={BOOTTIME}:0:0:2000", BOOTTIME, 0, 0, 2000),
        (f"clocksleep={TAI}:{ABSTIME}:5:999999999", TAI, 1, 5, 999999999),
        (f"clocksleep64={REALTIME}:0:0:3000", REALTIME, 0, 0, 3000),
        (f"clocksleep64={REALTIME}:{ABSTIME}:7:8", REALTIME, 1, 7, 8),
    ],
)
def test_sleep(
    tap: Tap, bits: int, step: str, clock: int, absolute: int, seconds: int, nanoseconds: int
) -> None:
    done = act(step, bits=bits)
    (facts,) = done.lines
    assert facts["result"] == 0
    tap.collect()
    record = tap.one("nanosleep", facts["tgid"])
    data = {"clock": clock, "absolute": absolute, "seconds": seconds, "nanoseconds": nanoseconds}
    flags = COMPAT if bits == 32 else 0
    tap.check(record, context_of(facts), data, flags=flags, within=done)


def test_not_recorded(tap: Tap, bits: int) -> None:
    """What is no time or no clock, and the process's own time."""
    steps = ["nanosleep=1:1000000000", "clocksleep=99:0:0:1", f"clocksleep={CPUTIME}:{ABSTIME}:0:1"]
    done = act(*steps, bits=bits)
    assert [line["result"] for line in done.lines] == [-22, -22, 0]
    tap.collect()
    assert not tap.of("nanosleep", done.lines[0]["tgid"])
