# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from dataclasses import replace
from typing import Any

from ksonde.findings import Callbacks, Change, Known, State
from ksonde.inspection import Finding, Place
from ksonde.lsm_hooks import Callback, Hook, Hooks

PLACE = Place("f", 4, "evil", False, "0xffffffffc0000010")
SLOT = Finding("sys_call_table[39]", "is wrong", PLACE, 701, {"number": 39})
MODULE = Finding("module evil", "hides", None, 702)


def told(known: Known, part: str, *findings: Finding, looked: bool = True, now: int = 9) -> list[Any]:
    return [
        (change.state, change.finding, change.first_seen)
        for change in known.update(part, findings, now, looked=looked)
    ]


def test_once_when_it_comes_and_once_when_it_goes() -> None:
    known = Known()
    assert told(known, "syscalls") == []
    assert told(known, "syscalls", SLOT, now=1) == [(State.FOUND, SLOT, 1)]
    for _ in range(3):
        assert told(known, "syscalls", SLOT) == []
    assert len(known) == 1
    # Another part says nothing of it.
    assert told(known, "modules", MODULE, now=2) == [(State.FOUND, MODULE, 2)]
    assert told(known, "syscalls") == [(State.ALL_CLEAR, SLOT, 1)]
    assert told(known, "syscalls") == []
    assert told(known, "syscalls", SLOT, now=3) == [(State.FOUND, SLOT, 3)]
    assert len(known) == 2


def test_the_same_twice_in_one_scan() -> None:
    known = Known()
    assert len(told(known, "syscalls", SLOT, SLOT)) == 1
    assert len(told(known, "syscalls")) == 1


def test_what_could_not_be_looked_at_has_not_gone() -> None:
    known = Known()
    told(known, "syscalls", SLOT, now=1)
    assert told(known, "syscalls", looked=False) == []
    assert told(known, "syscalls", MODULE, looked=False, now=2) == [(State.FOUND, MODULE, 2)]
    assert told(known, "syscalls", SLOT) == [(State.ALL_CLEAR, MODULE, 2)]


def test_values() -> None:
    change = Change(State.FOUND, "syscalls", SLOT, 7)
    assert change.values() == {
        "number": 39,
        "state": 1,
        "part": "syscalls",
        "where": "sys_call_table[39]",
        "what": "is wrong",
        "first_seen": 7,
        "in_kernel": 0,
        "symbol": "f",
        "symbol_offset": 4,
        "module": "evil",
        "address": 0xFFFFFFFFC0000010,
    }
    assert "in_kernel" not in Change(State.ALL_CLEAR, "modules", MODULE, 7).values()
    nameless = replace(SLOT, place=Place("", 0, "", False))
    values = Change(State.FOUND, "syscalls", nameless, 7).values()
    assert [values[name] for name in ("symbol", "symbol_offset", "module", "address")] == [None] * 4


# --------------------------------------------------------------- LSM hooks

CAP = Callback(0, "capability", Place("cap_capable", 0, "", True), None, ())
BPF = Callback(1, "bpf", Place("bpf_lsm_capable", 0, "", True), None, ())
EVIL = Callback(0, "bpf", Place("f", 0, "evil", False), None, ())


def hooks(*callbacks: Callback) -> Hooks:
    return Hooks("lists", {}, {}, (Hook("capable", (), callbacks, True, True),))


def changes(look: Callbacks, *callbacks: Callback) -> list[Any]:
    found = hooks(*callbacks)
    wrong = found.findings(("capability", "bpf"))
    return [
        (change.state, change.finding.what, change.finding.place, change.values().get("position"))
        for change in look.update(found, wrong, 5)
    ]


def test_callbacks_that_come_and_go() -> None:
    look = Callbacks()
    assert changes(look, CAP) == []
    assert changes(look, CAP) == []
    assert changes(look, CAP, BPF) == [(State.CAME, "a callback of bpf", BPF.function, 1)]
    # One in front moves the others; they are the same.
    assert changes(look, replace(BPF, slot=0), replace(CAP, slot=1)) == []
    assert changes(look, BPF) == [(State.WENT, "a callback of capability", CAP.function, 1)]


def test_a_finding_is_told_as_such_only() -> None:
    look = Callbacks()
    assert changes(look, CAP) == []
    assert changes(look, EVIL, CAP) == []
    assert changes(look, CAP) == []


def test_a_bpf_program_that_was_attached() -> None:
    look = Callbacks()
    changes(look, CAP, BPF)
    what = "BPF programs are attached to it, as the kernel lets them"
    assert changes(look, CAP, replace(BPF, program=True)) == [(State.CAME, what, BPF.function, 1)]
    assert changes(look, CAP, BPF) == [(State.WENT, what, BPF.function, 1)]


def test_a_program_of_an_older_driver() -> None:
    found = {"slot": 0, "lsm": "bpf", "function": {"symbol": "f", "offset": 0, "module": "", "kernel": True}}
    assert Callback.parse(found).program is False
    assert Callback.parse({**found, "program": True}).program is True
