# SPDX-License-Identifier: GPL-2.0-only
"""Event 801."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acting import NASTY, REREAD, Facts, Tap, act, context_of, flags_of

EVENTS = ["bpf"]

MAP_CREATE, PROG_LOAD, PROG_ATTACH, LINK_CREATE = 0, 5, 8, 28
SOCKET_FILTER, CGROUP_SKB, HASH = 1, 8, 1
EGRESS = 1
EPERM, E2BIG, EFAULT, EINVAL = 1, 7, 14, 22
NOBODY = "ids=65534:65534:65534:65534:65534:65534"
#: As many bytes as a name may have, and none of them good in one.
BAD_NAME = NASTY.encode("utf-8", "surrogateescape")[:16].decode("utf-8", "surrogateescape")


def check(tap: Tap, facts: Facts, bits: int, command: int, marks: int = 0, **data: Any) -> None:
    nothing = dict.fromkeys(("program_type", "map_type", "attach_type", "instructions", "name"))
    record = tap.one("bpf", facts["tgid"], command=command)
    expected = {**nothing, "command": command, "result": facts["result"], **data}
    tap.check(record, context_of(facts), expected, flags=flags_of(bits) | marks)


def loaded(**data: Any) -> dict[str, Any]:
    return {"program_type": SOCKET_FILTER, "attach_type": 0, "instructions": 2, "name": "", **data}


@pytest.mark.parametrize("name", ["", "ksonde.test_1", "n" * 15])
def test_program_and_map(tap: Tap, bits: int, name: str) -> None:
    done = act(f"bpfload={SOCKET_FILTER}:0:{name}", f"bpfmap={HASH}:{name}", bits=bits)
    assert done["bpfload"]["result"] > 0 and done["bpfmap"]["result"] > 0
    tap.collect()
    check(tap, done["bpfload"], bits, PROG_LOAD, **loaded(name=name))
    check(tap, done["bpfmap"], bits, MAP_CREATE, map_type=HASH, name=name)


def test_attached(tap: Tap, bits: int, cgroup: Path) -> None:
    """To a cgroup that nobody is in, in both ways."""
    steps = (
        f"bpfload={CGROUP_SKB}:{EGRESS}:skb",
        f"bpflink={EGRESS}:{cgroup}",
        f"bpfattach={EGRESS}:{cgroup}",
    )
    done = act(*steps, bits=bits)
    assert [line["result"] >= 0 for line in done.lines[:2]] == [True, True]
    tap.collect()
    expected = loaded(program_type=CGROUP_SKB, attach_type=EGRESS, name="skb")
    check(tap, done["bpfload"], bits, PROG_LOAD, **expected)
    check(tap, done["bpflink"], bits, LINK_CREATE, attach_type=EGRESS)
    check(tap, done["bpfattach"], bits, PROG_ATTACH, attach_type=EGRESS)


def test_refused(tap: Tap, bits: int) -> None:
    """Names as they were given, whatever the kernel thinks of them."""
    steps = (
        f"bpfload={SOCKET_FILTER}:0:{BAD_NAME}",
        f"bpfmap=77:{BAD_NAME}",
        f"bpfattach={EGRESS}:/dev/null",
    )
    done = act(*steps, bits=bits)
    tap.collect()
    assert [line["result"] for line in done.lines[:2]] == [-EINVAL, -EINVAL]
    assert done["bpfattach"]["result"] < 0
    check(tap, done["bpfload"], bits, PROG_LOAD, **loaded(name=BAD_NAME))
    check(tap, done["bpfmap"], bits, MAP_CREATE, map_type=77, name=BAD_NAME)
    check(tap, done["bpfattach"], bits, PROG_ATTACH, attach_type=EGRESS)


def test_not_allowed(tap: Tap, bits: int) -> None:
    """The kernel refuses users before or after it has its copy, as it is set up: the flag tells which."""
    facts = act(NOBODY, "bpfload=2:0:kprobe", bits=bits)["bpfload"]
    assert facts["result"] == -EPERM
    tap.collect()
    marks = tap.one("bpf", facts["tgid"]).flags & REREAD
    check(tap, facts, bits, PROG_LOAD, marks, **loaded(program_type=2, name="kprobe"))


def test_only_what_the_call_has(tap: Tap, bits: int) -> None:
    """Behind the size that was given there may be anything."""
    facts = act(f"bpfshort=4:{SOCKET_FILTER}", bits=bits)["bpfshort"]
    assert facts["result"] < 0
    tap.collect()
    check(tap, facts, bits, PROG_LOAD, **loaded(instructions=0))


def test_before_there_is_a_copy(tap: Tap, bits: int) -> None:
    facts = act("bpf=5:5000", bits=bits)["bpf"]
    assert facts["result"] == -E2BIG
    tap.collect()
    check(tap, facts, bits, PROG_LOAD, REREAD, **loaded(program_type=0, instructions=0))
    facts = act("badbpf=28", bits=bits)["badbpf"]
    assert facts["result"] == -EFAULT
    tap.collect()
    check(tap, facts, bits, LINK_CREATE, REREAD)


def test_not_recorded(tap: Tap, bits: int) -> None:
    """Lookups, pins, queries and the like."""
    done = act("bpf=1:72", "bpf=6:72", "bpf=11:72", "bpf=99:72", bits=bits)
    assert all(line["result"] < 0 or line["result"] == 0 for line in done.lines)
    tap.collect()
    assert not tap.of("bpf", done.lines[0]["tgid"])
