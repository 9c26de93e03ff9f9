# SPDX-License-Identifier: GPL-2.0-only
"""Event 807."""

from __future__ import annotations

from typing import Any

import pytest

from acting import Facts, Tap, act, context_of, flags_of

EVENTS = ["capset"]
USER = "ids=1000:1000:1000:1000:1000:1000"
SETS = ("effective", "permitted", "inheritable")
NET_RAW, SYS_TIME, CHECKPOINT = 13, 25, 40


def side(which: str, facts: Facts) -> dict[str, Any]:
    return {f"{which}_cap_{name}": facts[f"cap_{name}"] for name in SETS}


@pytest.mark.parametrize("step", [f"lower={NET_RAW}", f"raise={SYS_TIME}"])
def test_changed(tap: Tap, bits: int, step: str) -> None:
    name = step.partition("=")[0]
    low, high = 1 << NET_RAW | 1 << CHECKPOINT, 1 << NET_RAW | 1 << SYS_TIME | 1 << CHECKPOINT
    done = act(f"capabilities={low}:{high}:{1 << NET_RAW}", step, bits=bits)
    before, after = done["before"], done[name]
    assert after["result"] == 0 and after["cap_effective"] != before["cap_effective"] == low
    tap.collect()
    first, record = tap.of("capset", after["tgid"])
    data = {**side("old", before), **side("new", after), "result": 0}
    # The context is what the process has when the call returns.
    tap.check(record, context_of(after), data, flags=flags_of(bits), within=done)
    assert first.new_cap_effective == low and first.old_cap_effective not in (0, low)


def test_refused(tap: Tap, bits: int) -> None:
    done = act(USER, f"raise={NET_RAW}", bits=bits)
    before, after = done["before"], done["raise"]
    assert after["result"] == -1
    tap.collect()
    record = tap.one("capset", after["tgid"])
    data = {**side("old", before), **{f"new_cap_{name}": None for name in SETS}, "result": -1}
    tap.check(record, context_of(after), data, flags=flags_of(bits))
