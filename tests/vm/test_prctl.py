# SPDX-License-Identifier: GPL-2.0-only
"""Event 157."""

from __future__ import annotations

import os
from typing import Any

import pytest

from acting import NASTY, Tap, act, context_of, flags_of

EVENTS = ["prctl"]

SET_DUMPABLE, SET_NAME, SET_SECCOMP, SET_MM, SET_PTRACER = 4, 15, 22, 35, 0x59616D61


def fields_of(option: int, result: int, *arguments: int, **other: Any) -> dict[str, Any]:
    two, three, four, five = arguments
    return {
        "option": option,
        "result": result,
        "argument2": two,
        "argument3": three,
        "argument4": four,
        "argument5": five,
        "old_name": None,
        "name": None,
        "old_dumpable": None,
        **other,
    }


def test_name(tap: Tap, bits: int) -> None:
    done = act("comm=was", f"setname={NASTY}", bits=bits)
    facts = done["setname"]
    name = os.fsdecode(os.fsencode(NASTY)[:15])
    assert (facts["result"], facts["old_name"], facts["comm"]) == (0, "was", name)
    tap.collect()
    record = tap.of("prctl", facts["tgid"])[-1]
    data = fields_of(SET_NAME, 0, facts["address"], 3, 4, 5, old_name="was", name=name)
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


def test_name_refused(tap: Tap, bits: int) -> None:
    """The name that a task has is told by its context."""
    facts = act(f"prctl={SET_NAME}:8:1:2:3", bits=bits)["prctl"]
    assert facts["result"] == -14
    tap.collect()
    record = tap.one("prctl", facts["tgid"])
    data = fields_of(SET_NAME, -14, 8, 1, 2, 3, old_name=facts["comm"])
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_dumpable(tap: Tap, bits: int) -> None:
    done = act(f"prctl={SET_DUMPABLE}:0:0:0:0", f"prctl={SET_DUMPABLE}:1:7:8:9", bits=bits)
    off, on = done.lines
    assert off["result"] == on["result"] == 0
    tap.collect()
    first, second = tap.of("prctl", off["tgid"])
    # What is not dumpable hides from /proc what the first line should tell; the second one has it.
    context = context_of(on)
    data = fields_of(SET_DUMPABLE, 0, 0, 0, 0, 0, old_dumpable=1)
    tap.check(first, context, data, flags=flags_of(bits), within=done)
    data = fields_of(SET_DUMPABLE, 0, 1, 7, 8, 9, old_dumpable=0)
    tap.check(second, context, data, flags=flags_of(bits), within=done)


def test_dumpable_refused(tap: Tap, bits: int) -> None:
    facts = act(f"prctl={SET_DUMPABLE}:2:0:0:0", bits=bits)["prctl"]
    assert facts["result"] == -22
    tap.collect()
    record = tap.one("prctl", facts["tgid"])
    data = fields_of(SET_DUMPABLE, -22, 2, 0, 0, 0, old_dumpable=1)
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ((SET_PTRACER, 1, 2, 3, 4), 0),
        ((SET_PTRACER, 4_000_000, 0, 0, 0), -22),
        ((SET_MM, 1, 8, 0, 0), -22),
        ((SET_SECCOMP, 5, 6, 7, 8), -22),
    ],
)
def test_others(tap: Tap, bits: int, arguments: tuple[int, ...], result: int) -> None:
    """What sets a mode of its own kind is recorded whether it was set before or not."""
    facts = act("prctl=" + ":".join(map(str, arguments)), bits=bits)["prctl"]
    assert facts["result"] == result
    tap.collect()
    record = tap.one("prctl", facts["tgid"])
    data = fields_of(arguments[0], result, *arguments[1:])
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_mm_without_capability(tap: Tap, bits: int) -> None:
    """A user's START_CODE."""
    facts = act("ids=1000:1000:1000:1000:1000:1000", f"prctl={SET_MM}:1:4096:0:0", bits=bits)["prctl"]
    assert facts["result"] == -1
    tap.collect()
    record = tap.one("prctl", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(SET_MM, -1, 1, 4096, 0, 0), flags=flags_of(bits))


def test_not_recorded(tap: Tap, bits: int) -> None:
    """The name and the mode that it has already, and what the event is not about."""
    done = act("setname=same", "setname=same", f"prctl={SET_DUMPABLE}:1:0:0:0", "prctl=3:0:0:0:0", bits=bits)
    assert [line["result"] for line in done.lines] == [0, 0, 0, 1]
    tap.collect()
    record = tap.one("prctl", done.lines[0]["tgid"])
    assert record.to_dict()["data"]["name"] == "same"
