# SPDX-License-Identifier: GPL-2.0-only
"""Event 804."""

from __future__ import annotations

import os
from typing import Any

import pytest

from acting import Facts, Tap, Ticks, Waiting, act, context_of, flags_of, stack_of, waiting

EVENTS = ["process_vm"]

READ, WRITE, MEM = 1, 2, 3
CALLS = [("vmread", READ), ("vmwrite", WRITE)]
NOBODY = "ids=65534:65534:65534:65534:65534:65534"


def fields_of(kind: int, target: Facts | None, **other: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "target_tgid": target["tgid"] if target else None,
        "target_start_time": Ticks(target["start_ticks"]) if target else None,
        "target_exe": target["exe"] if target else None,
        "pid": target["tgid"] if target else None,
        "result": 0,
        "length": None,
        "pieces": None if kind == MEM else 2,
        **other,
    }


@pytest.mark.parametrize(("call", "kind"), CALLS)
def test_copied(tap: Tap, bits: int, target: Waiting, call: str, kind: int) -> None:
    pid = target.facts["tgid"]
    done = act(f"{call}={pid}:{stack_of(pid)}:300", bits=bits)
    assert done[call]["result"] == 300
    tap.collect()
    record = tap.one("process_vm", done[call]["tgid"])
    data = fields_of(kind, target.facts, length=300)
    tap.check(record, context_of(done[call]), data, flags=flags_of(bits), within=done)


@pytest.mark.parametrize(("call", "kind"), CALLS)
def test_refused(tap: Tap, bits: int, target: Waiting, call: str, kind: int) -> None:
    pid = target.facts["tgid"]
    stack = stack_of(pid)
    done = act(f"{call}={pid}:8:300", NOBODY, f"{call}={pid}:{stack}:300", bits=bits)
    assert [line["result"] for line in done.lines] == [-14, -1]
    tap.collect()
    records = tap.of("process_vm", done.lines[0]["tgid"])
    assert len(records) == 2
    for record, facts in zip(records, done.lines):
        data = fields_of(kind, target.facts, result=facts["result"])
        tap.check(record, context_of(facts), data, flags=flags_of(bits))


@pytest.mark.parametrize(("call", "kind"), CALLS)
def test_nobody(tap: Tap, bits: int, call: str, kind: int) -> None:
    facts = act(f"{call}=4000000:4096:300", bits=bits)[call]
    assert facts["result"] == -3
    tap.collect()
    record = tap.one("process_vm", facts["tgid"])
    data = fields_of(kind, None, pid=4_000_000, result=-3)
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR])
@pytest.mark.parametrize("where", ["", "/task/{}"])
def test_mem(tap: Tap, bits: int, target: Waiting, flags: int, where: str) -> None:
    pid = target.facts["tgid"]
    done = act(f"open={flags}:0:/proc/{pid}{where.format(pid)}/mem", bits=bits)
    assert done["open"]["result"] >= 0
    tap.collect()
    record = tap.one("process_vm", done["open"]["tgid"])
    context = context_of(done["open"])
    tap.check(record, context, fields_of(MEM, target.facts), flags=flags_of(bits), within=done)


def test_mem_of_a_thread(tap: Tap, bits: int) -> None:
    target = waiting("thread", "ready")
    thread = target.facts
    assert thread["tid"] != thread["tgid"]
    facts = act(f"open=1:0:/proc/{thread['tgid']}/task/{thread['tid']}/mem", bits=bits)["open"]
    assert facts["result"] >= 0
    tap.collect()
    record = tap.one("process_vm", facts["tgid"])
    data = fields_of(MEM, thread, pid=thread["tid"])
    tap.check(record, context_of(facts), data, flags=flags_of(bits))
    target.go()


def test_own_mem(tap: Tap, bits: int) -> None:
    facts = act("open=2:0:/proc/self/mem", bits=bits)["open"]
    assert facts["result"] >= 0
    tap.collect()
    record = tap.one("process_vm", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(MEM, facts), flags=flags_of(bits))


def test_mem_refused(tap: Tap, bits: int, target: Waiting) -> None:
    """It is root's file, but that is not enough to reach a process with more capabilities."""
    done = act("capabilities=2:2:0", f"open=2:0:/proc/{target.facts['tgid']}/mem", bits=bits)
    facts = done["open"]
    assert facts["result"] == -13
    tap.collect()
    record = tap.one("process_vm", facts["tgid"])
    data = fields_of(MEM, target.facts, result=-13)
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_not_recorded(tap: Tap, bits: int, target: Waiting) -> None:
    """What opens it to read."""
    facts = act(f"open=0:0:/proc/{target.facts['tgid']}/mem", bits=bits)["open"]
    assert facts["result"] >= 0
    tap.collect()
    assert not tap.of("process_vm", facts["tgid"])
