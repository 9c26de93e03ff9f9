# SPDX-License-Identifier: GPL-2.0-only
"""Event 201."""

from __future__ import annotations

import os

from acting import NO_TARGET, Tap, act, context_of, flags_of, target_of

EVENTS = ["tgkill"]


def test_tgkill(tap: Tap, bits: int, victim: int) -> None:
    target = target_of(victim)
    done = act(f"sendtgkill={victim}:{victim}:9", bits=bits)
    facts = done["sendtgkill"]
    assert facts["result"] == 0
    tap.collect()
    data = {**target, "pid": victim, "thread": victim, "signal": 9, "result": 0}
    record = tap.one("tgkill", facts["tgid"])
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


def test_of_another_process(tap: Tap, bits: int, victim: int) -> None:
    """The process has no such thread: nobody was meant that there is."""
    facts = act(f"sendtgkill={os.getpid()}:{victim}:9", bits=bits)["sendtgkill"]
    assert facts["result"] == -3
    tap.collect()
    data = {**NO_TARGET, "pid": os.getpid(), "thread": victim, "signal": 9, "result": -3}
    tap.check(tap.one("tgkill", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


def test_one_of_several_threads(tap: Tap, bits: int, thread: int) -> None:
    facts = act(f"sendtgkill={os.getpid()}:{thread}:0", bits=bits)["sendtgkill"]
    assert facts["result"] == 0
    tap.collect()
    data = {**target_of(os.getpid()), "pid": os.getpid(), "thread": thread, "signal": 0, "result": 0}
    tap.check(tap.one("tgkill", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))
