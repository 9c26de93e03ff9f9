# SPDX-License-Identifier: GPL-2.0-only
"""Event 62."""

from __future__ import annotations

import signal
import subprocess
from typing import Any

import pytest

from acting import NO_TARGET, NOBODY, Tap, act, context_of, flags_of, target_of

EVENTS = ["kill"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGCONT, 0])
def test_kill(tap: Tap, bits: int, victim: int, number: int) -> None:
    target = target_of(victim)
    done = act(f"sendkill={victim}:{int(number)}", bits=bits)
    facts = done["sendkill"]
    assert facts["result"] == 0
    tap.collect()
    data = {**target, "pid": victim, "pidfd": None, "signal": number, "result": 0}
    record = tap.one("kill", facts["tgid"])
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


@pytest.mark.parametrize(("pid", "number", "result"), [(NOBODY, 9, -3), (-NOBODY, 15, -3), (1, 99, -22)])
def test_refused(tap: Tap, bits: int, pid: int, number: int, result: int) -> None:
    target = target_of(1) if pid == 1 else NO_TARGET
    facts = act(f"sendkill={pid}:{number}", bits=bits)["sendkill"]
    assert facts["result"] == result
    tap.collect()
    data = {**target, "pid": pid, "pidfd": None, "signal": number, "result": result}
    tap.check(tap.one("kill", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


def test_not_permitted(tap: Tap, bits: int, victim: int) -> None:
    facts = act("ids=1000:1000:1000:1000:1000:1000", f"sendkill={victim}:9", bits=bits)["sendkill"]
    assert facts["result"] == -1
    tap.collect()
    data = {**target_of(victim), "pid": victim, "pidfd": None, "signal": 9, "result": -1}
    tap.check(tap.one("kill", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


@pytest.mark.parametrize("pid", [0, "group"])
def test_group(tap: Tap, bits: int, pid: Any) -> None:
    """The own group, by 0 and by its number: no one process."""
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as leader:
        asked = -leader.pid if pid == "group" else 0
        done = act("setpgid", f"sendkill={asked}:{int(signal.SIGCONT)}", bits=bits)
        leader.kill()
    facts = done["sendkill"]
    assert facts["result"] == 0
    tap.collect()
    data = {**NO_TARGET, "pid": asked, "pidfd": None, "signal": signal.SIGCONT, "result": 0}
    tap.check(tap.one("kill", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))


def test_pidfd(tap: Tap, bits: int, victim: int) -> None:
    target = target_of(victim)
    done = act(f"sendpidfd={victim}:9", bits=bits)
    facts = done["sendpidfd"]
    assert facts["result"] == 0
    tap.collect()
    data = {**target, "pid": None, "pidfd": facts["pidfd"], "signal": 9, "result": 0}
    record = tap.one("kill", facts["tgid"])
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


def test_no_pidfd(tap: Tap, bits: int) -> None:
    facts = act("sendpidfd=0:9", bits=bits)["sendpidfd"]
    assert facts["result"] == -9
    tap.collect()
    data = {**NO_TARGET, "pid": None, "pidfd": facts["pidfd"], "signal": 9, "result": -9}
    tap.check(tap.one("kill", facts["tgid"]), context_of(facts), data, flags=flags_of(bits))
