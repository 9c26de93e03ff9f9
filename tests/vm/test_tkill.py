# SPDX-License-Identifier: GPL-2.0-only
"""Event 200."""

from __future__ import annotations

import os

from acting import NO_TARGET, NOBODY, Tap, act, context_of, flags_of, target_of

EVENTS = ["tkill"]


def test_tkill(tap: Tap, bits: int, victim: int) -> None:
    target = target_of(victim)
    done = act(f"sendtkill={victim}:9", bits=bits)
    facts = done["sendtkill"]
    assert facts["result"] == 0
    tap.collect()
    data = {**target, "thread": victim, "signal": 9, "result": 0}
    record = tap.one("tkill", facts["tgid"])
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


def test_refused(tap: Tap, bits: int) -> None:
    facts = act(f"sendtkill={NOBODY}:9", bits=bits)["sendtkill"]
    assert facts["result"] == -3
    tap.collect()
    data = {**NO_TARGET, "thread": NOBODY, "signal": 9, "result": -3}
    tap.check(tap.one("tkill", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


def test_one_of_several_threads(tap: Tap, bits: int, thread: int) -> None:
    facts = act(f"sendtkill={thread}:0", bits=bits)["sendtkill"]
    assert facts["result"] == 0
    tap.collect()
    data = {**target_of(os.getpid()), "thread": thread, "signal": 0, "result": 0}
    tap.check(tap.one("tkill", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))
