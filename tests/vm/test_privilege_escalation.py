# SPDX-License-Identifier: GPL-2.0-only
"""Event 611: a fixture module does what somebody does who can write kernel memory."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import ksonde
from acting import (
    ACT,
    COMPAT,
    CRED,
    Between,
    Facts,
    Tap,
    Waiting,
    act,
    ancestors_from,
    boottime,
    context_of,
    waiting,
)

EVENTS = ["privilege_escalation"]

SWITCH = Path("/proc/sys/kernel/ftrace_enabled")
SETS = ("inheritable", "permitted", "effective", "bounding", "ambient")
IDS = ("uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid")
DAC_OVERRIDE, SETUID, NET_RAW, SYS_TIME = 1, 7, 13, 25
COMMIT, FORK, EXIT = 1, 2, 3
SEEN, BY_FORK, BY_COMMIT, BY_ESCALATION = range(4)

CAPS = 1 << NET_RAW | 1 << SETUID
USER = ["securebits=4", "ids=1000:1001:1002:2000:2001:2002", f"capabilities={CAPS}:{CAPS}:{CAPS}",
        f"setambient={NET_RAW}"]  # fmt: skip
#: The same real user id: by that the kernel counts processes, and warns when it counts wrong.
NEW_IDS = [1000, 3001, 3002, 3003, 4000, 4001, 4002, 4003]
NEW_CAPS = [
    1 << NET_RAW,
    1 << DAC_OVERRIDE | CAPS | 1 << SYS_TIME,
    1 << DAC_OVERRIDE | 1 << NET_RAW,
    (1 << 41) - 1 & ~(1 << 40),
    1 << NET_RAW,
]

Intrude = Callable[[int, bool], None]


def withdraw() -> None:
    if Path("/sys/module/ksonde_cred").exists():
        subprocess.run(["rmmod", "ksonde_cred"], check=True)


@pytest.fixture
def intrude() -> Iterator[Intrude]:
    def change(pid: int, swap: bool) -> None:
        lists = f"ids={','.join(map(str, NEW_IDS))}", f"caps={','.join(map(str, NEW_CAPS))}"
        subprocess.run(["insmod", CRED, f"pid={pid}", f"swap={int(swap)}", *lists], check=True)

    yield change
    withdraw()


def side(which: str, facts: Facts) -> dict[str, Any]:
    return {
        **{f"{which}_{name}": facts[name] for name in IDS},
        **{f"{which}_cap_{name}": facts[f"cap_{name}"] for name in SETS},
    }


def fields_of(before: Facts, after: Facts, **other: Any) -> dict[str, Any]:
    ancestors = [item for item in ancestors_from(before["parent_tgid"]) if item["tgid"]][:12]
    spaces = {"old_user_ns": before["user_ns"]}
    return {**side("old", before), **side("new", after), **spaces, "ancestors": ancestors, **other}


def given(facts: Facts) -> dict[str, Any]:
    """What the fixture gave, as the program itself sees it."""
    assert [facts[name] for name in IDS] == NEW_IDS
    assert [facts[f"cap_{name}"] for name in SETS] == NEW_CAPS
    return facts


def step(target: Waiting) -> None:
    assert target.process.stdin is not None
    target.process.stdin.write(b"\n")
    target.process.stdin.flush()


def test_there_before_the_session(intrude: Intrude) -> None:
    """First in this file: nobody has looked yet."""
    target = waiting(*USER, "ready", "facts")
    before, began = target.facts, boottime()
    with ksonde.open(EVENTS) as session:
        tap = Tap(session)
        time.sleep(1.1)  # younger ones are not sure
        intrude(before["tgid"], True)
        data = fields_of(before, before)
        after = given(target.go()["facts"])
        tap.collect()
        record = tap.one("privilege_escalation", after["tgid"])
        when = Between(began, boottime())
    data |= {**side("new", after), "replaced": 1, "noticed": EXIT, "explained": SEEN, "explained_time": when}
    tap.check(record, context_of(after), data)


@pytest.mark.parametrize("swap", [True, False], ids=["replaced", "changed"])
@pytest.mark.parametrize("how", ["exec", "fork", "exit"])
def test_escalated(tap: Tap, bits: int, place: Path, intrude: Intrude, swap: bool, how: str) -> None:
    program = place / "next"
    shutil.copy(ACT[bits], program)
    acts = {"exec": [f"exec={program}", "x", "exit=0"], "fork": ["fork", "exit=0"], "exit": []}[how]
    began = boottime()
    target = waiting(*USER, "ready", "facts", *acts, bits=bits)
    before, ready = target.facts, boottime()
    intrude(before["tgid"], swap)
    data = fields_of(before, before)
    done = target.go()
    after = given(done["facts"])
    tap.collect()
    noticed = {"exec": COMMIT, "fork": FORK, "exit": EXIT}[how]
    data |= {
        **side("new", after),
        "replaced": int(swap),
        "noticed": noticed,
        "explained": BY_COMMIT,
        "explained_time": Between(began, ready),
    }
    record = tap.one("privilege_escalation", after["tgid"])
    # Of exec, the new program's name is there already.
    context = context_of(after, **({"comm": "next"} if how == "exec" else {}))
    tap.check(record, context, data, flags=COMPAT if bits == 32 else 0)
    # Once: the child has what its parent had when it was made.
    assert len(tap.of("privilege_escalation")) == 1


def test_of_a_child(tap: Tap, intrude: Intrude) -> None:
    target = waiting(*USER, "fork", "ready", "facts")
    intrude(target.facts["tgid"], True)
    after = given(target.go()["facts"])
    tap.collect()
    record = tap.one("privilege_escalation")
    assert (record.tgid, record.explained, record.noticed) == (after["tgid"], BY_FORK, EXIT)
    assert record.explained_time // 1_000_000_000 in range(boottime() // 1_000_000_000 + 1)


def test_and_back(tap: Tap, intrude: Intrude) -> None:
    """Giving the old ones back is no more explained than taking them was."""
    target = waiting(*USER, "ready", "fork", "ready")
    before = target.facts
    intrude(before["tgid"], True)
    step(target)
    child = target.next()
    assert child["parent_tgid"] == before["tgid"]
    withdraw()
    target.go()
    tap.collect()
    first, second = tap.of("privilege_escalation", before["tgid"])
    assert (first.noticed, first.explained, first.new_euid) == (FORK, BY_COMMIT, NEW_IDS[1])
    assert (second.noticed, second.explained, second.new_euid) == (EXIT, BY_ESCALATION, before["euid"])
    assert second.explained_time == Between(first.time - 1_000_000, first.time + 1_000_000)
    assert len(tap.of("privilege_escalation")) == 2


@contextmanager
def without_ftrace() -> Iterator[None]:
    SWITCH.write_text("0")
    try:
        yield
    finally:
        SWITCH.write_text("1")


def test_in_silence_nothing_is_known(tap: Tap, place: Path, intrude: Intrude) -> None:
    """Who switches ftrace off silences the hook that explains; what the others then find is no finding."""
    hook = next(hook for hook in tap.session.device.hooks() if hook.name == "escalation_commit")
    assert hook.mechanism == "ftrace"
    program = place / "next"
    shutil.copy(ACT[64], program)
    before = waiting("fork", "ready", *USER)
    with without_ftrace():
        during = waiting(*USER, "ready", "fork", "exit=0")
        act(*USER, f"exec={program}", "x", "fork", "exit=0")
        before.go()
    after = waiting(*USER, "ready", "facts")
    during.go()
    tap.collect()
    assert not tap.of("privilege_escalation")
    intrude(after.facts["tgid"], True)
    given(after.go()["facts"])
    tap.collect()
    assert tap.one("privilege_escalation").tgid == after.facts["tgid"]


def test_what_the_kernel_allows(tap: Tap, disk: Path, bits: int) -> None:
    """None of these is unexplained: set-id programs, file capabilities, namespaces, threads, their calls."""
    for name, mode, caps in (("suid", 0o4755, 0), ("sgid", 0o2755, 0), ("caps", 0o755, 1 << NET_RAW)):
        program = disk / f"escalation{bits}{name}"
        shutil.copy(ACT[bits], program)
        program.chmod(mode)
        if caps:
            os.setxattr(program, "security.capability", struct.pack("<5I", 0x02000001, caps, 0, 0, 0))
        act("groups=2000", *USER, f"exec={program}", "x", "fork", "exit=0", bits=bits)
    act(*USER, "setresuid=-1:1000:-1", "fork", "exit=0", bits=bits)
    act("unshare=user", "fork", "exit=0", bits=bits)
    act(*USER, "unshare=user", "fork", "fork", "exit=0", bits=bits)
    act("thread", "setresuid=-1:1000:-1", bits=bits)
    act(f"threadexec={ACT[bits]}", "x", "fork", "exit=0", bits=bits)
    act(*USER, f"lower={NET_RAW}", "fork", "exit=0", bits=bits)
    act("vfork", "exit=0", bits=bits)
    tap.collect()
    assert not tap.of("privilege_escalation")
