# SPDX-License-Identifier: GPL-2.0-only
"""Event 806."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import acting
from acting import ACT, NASTY, REREAD, Facts, Tap, act, context_of, flags_of

EVENTS = ["reboot"]

ASKED, RETURNED = 1, 2
MAGIC, MAGIC2 = 0xFEE1DEAD, 672274793
CAD_OFF, CAD_ON, RESTART, RESTART2, POWER_OFF = 0, 0x89ABCDEF, 0x01234567, 0xA1B2C3D4, 0x4321FEDC
EPERM, EINVAL = 1, 22
NOBODY = "ids=65534:65534:65534:65534:65534:65534"
KEYBOARD = Path("/proc/sys/kernel/ctrl-alt-del")


@pytest.fixture(autouse=True)
def keyboard() -> Iterator[None]:
    """What ctrl-alt-del does is set to what it was."""
    before = KEYBOARD.read_text()
    yield
    KEYBOARD.write_text(before)


def fields_of(facts: Facts, stage: int, command: int, **other: Any) -> dict[str, Any]:
    result = facts["result"] if stage == RETURNED else None
    known = {"stage": stage, "command": command, "magic": MAGIC, "magic2": MAGIC2, "argument": None}
    return {**known, "result": result, **other}


def check(tap: Tap, facts: Facts, bits: int, *expected: dict[str, Any], marks: int = 0) -> None:
    tap.collect()
    records = tap.of("reboot", facts["tgid"])
    assert len(records) == len(expected)
    for record, data in zip(records, expected):
        tap.check(record, context_of(facts), data, flags=flags_of(bits) | marks)


@pytest.mark.parametrize("command", [CAD_ON, CAD_OFF])
def test_keyboard(tap: Tap, bits: int, command: int) -> None:
    facts = act(f"reboot={command}:{MAGIC2}:text", bits=bits)["reboot"]
    assert facts["result"] == 0
    check(tap, facts, bits, fields_of(facts, RETURNED, command))


@pytest.mark.parametrize("command", [RESTART, POWER_OFF])
def test_refused(tap: Tap, bits: int, command: int) -> None:
    """What would be the end of the machine is there before anybody says no."""
    facts = act(NOBODY, f"reboot={command}:{MAGIC2}:text", bits=bits)["reboot"]
    assert facts["result"] == -EPERM
    check(tap, facts, bits, fields_of(facts, ASKED, command), fields_of(facts, RETURNED, command))


def test_refused_with_a_text(tap: Tap, bits: int) -> None:
    facts = act(NOBODY, f"reboot={RESTART2}:{MAGIC2}:{NASTY}", bits=bits)["reboot"]
    assert facts["result"] == -EPERM
    expected = [fields_of(facts, stage, RESTART2, argument=NASTY) for stage in (ASKED, RETURNED)]
    check(tap, facts, bits, *expected, marks=REREAD)


def test_wrong_numbers(tap: Tap, bits: int) -> None:
    """Nothing comes of these, whoever asks."""
    facts = act(f"badreboot={POWER_OFF}:{MAGIC2}:", bits=bits)["badreboot"]
    assert facts["result"] == -EINVAL
    check(tap, facts, bits, fields_of(facts, RETURNED, POWER_OFF, magic=0xDEADBEEF))
    facts = act(f"reboot=77:{MAGIC2}:", bits=bits)["reboot"]
    assert facts["result"] == -EINVAL
    check(tap, facts, bits, fields_of(facts, RETURNED, 77))
    facts = act(f"reboot=77:{MAGIC2 + 1}:", bits=bits)["reboot"]
    assert facts["result"] == -EINVAL
    check(tap, facts, bits, fields_of(facts, RETURNED, 77, magic2=MAGIC2 + 1))


def test_done(tap: Tap, bits: int) -> None:
    """In a pid namespace of its own: all that ends is its first process."""
    command = ["unshare", "--fork", "--pid", str(ACT[bits]), f"reboot={RESTART}:{MAGIC2}:"]
    done = subprocess.run(command, check=False)
    assert done.returncode
    tap.collect()
    record = tap.one("reboot")
    assert (record.stage, record.command, record.result, record.comm) == (
        ASKED,
        RESTART,
        None,
        ACT[bits].name,
    )


def test_told_once(tap: Tap, bits: int) -> None:
    """Where the entry is seen the notification has nothing to add.  A fixture keeps the machine up."""
    with acting.fixture("reboot"):
        facts = act(f"reboot={RESTART}:{MAGIC2}:", bits=bits)["reboot"]
        check(tap, facts, bits, *(fields_of(facts, stage, RESTART) for stage in (ASKED, RETURNED)))
