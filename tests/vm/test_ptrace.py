# SPDX-License-Identifier: GPL-2.0-only
"""Event 101."""

from __future__ import annotations

from typing import Any

from acting import Facts, Tap, Ticks, Waiting, act, context_of, flags_of, stack_of, waiting

EVENTS = ["ptrace"]

POKETEXT, POKEDATA, POKEUSR, GETREGS, SETREGS, ATTACH = 4, 5, 6, 12, 13, 16
SETREGSET, SEIZE, INTERRUPT = 0x4205, 0x4206, 0x4207
NOBODY = "ids=65534:65534:65534:65534:65534:65534"


def fields_of(facts: Facts, request: int, target: Facts | None, **other: Any) -> dict[str, Any]:
    return {
        "request": request,
        "pid": target["tid"] if target else None,
        "target_tgid": target["tgid"] if target else None,
        "target_start_time": Ticks(target["start_ticks"]) if target else None,
        "target_exe": target["exe"] if target else None,
        "address": facts["address"],
        "data": facts["data"],
        "result": facts["result"],
        **other,
    }


def test_attach_and_write(tap: Tap, bits: int, target: Waiting) -> None:
    pid, address = target.facts["tgid"], stack_of(target.facts["tgid"])
    done = act(
        f"ptrace={ATTACH}:{pid}:0:0",
        f"stopped={pid}",
        f"ptrace={POKEDATA}:{pid}:{address}:{0x12345678}",
        f"ptrace={POKETEXT}:{pid}:{address + 64}:{0x9ABCDEF}",
        f"ptrace={GETREGS}:{pid}:0:registers",
        f"ptrace={SETREGS}:{pid}:0:registers",
        f"ptrace={SETREGSET}:{pid}:1:0",
        f"ptrace={POKEUSR}:{pid}:1:2",
        bits=bits,
    )
    results = [line["result"] for line in done.lines]
    assert results == [0, 0, 0, 0, 0, -14, -5]
    with open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(address)
        assert memory.read(4) == b"\x78\x56\x34\x12"
    tap.collect()
    requests = [ATTACH, POKEDATA, POKETEXT, SETREGS, SETREGSET, POKEUSR]
    lines = done.lines[:3] + done.lines[4:]
    records = tap.of("ptrace", done.lines[0]["tgid"])
    assert [record.request for record in records] == requests
    for record, facts, request in zip(records, lines, requests):
        tap.check(
            record,
            context_of(facts),
            fields_of(facts, request, target.facts),
            flags=flags_of(bits),
            within=done,
        )


def test_seize_of_a_thread(tap: Tap, bits: int) -> None:
    target = waiting("thread", "ready")
    thread = target.facts
    assert thread["tid"] != thread["tgid"]
    facts = act(f"ptrace={SEIZE}:{thread['tid']}:0:1", bits=bits)["ptrace"]
    assert facts["result"] == 0
    tap.collect()
    record = tap.one("ptrace", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(facts, SEIZE, thread), flags=flags_of(bits))
    target.go()


def test_refused(tap: Tap, bits: int, target: Waiting) -> None:
    facts = act(NOBODY, f"ptrace={ATTACH}:{target.facts['tgid']}:5:6", bits=bits)["ptrace"]
    assert facts["result"] == -1
    tap.collect()
    record = tap.one("ptrace", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(facts, ATTACH, target.facts), flags=flags_of(bits))


def test_nobody(tap: Tap, bits: int) -> None:
    pid = 4_000_000
    facts = act(f"ptrace={POKEDATA}:{pid}:{0x7FFFF000}:{0xFFFFFFFF}", bits=bits)["ptrace"]
    assert facts["result"] == -3
    tap.collect()
    record = tap.one("ptrace", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(facts, POKEDATA, None, pid=pid), flags=flags_of(bits))


def test_not_recorded(tap: Tap, bits: int, target: Waiting) -> None:
    """TRACEME, and what only reads, stops or resumes."""
    pid = target.facts["tgid"]
    done = act(
        f"ptrace={SEIZE}:{pid}:0:0",
        f"ptrace={INTERRUPT}:{pid}:0:0",
        f"stopped={pid}",
        f"ptrace=1:{pid}:{stack_of(pid)}:registers",
        f"ptrace={GETREGS}:{pid}:0:registers",
        f"ptrace=7:{pid}:0:0",
        "ptrace=0:0:0:0",
        bits=bits,
    )
    assert done.lines[-1]["result"] == 0
    tap.collect()
    assert [record.request for record in tap.of("ptrace", done.lines[0]["tgid"])] == [SEIZE]
