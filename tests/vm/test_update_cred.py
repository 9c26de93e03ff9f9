# SPDX-License-Identifier: GPL-2.0-only
"""Event 604."""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from acting import ACT, Facts, Tap, act, context_of, flags_of

EVENTS = ["update_cred"]

USER = "ids=1000:1001:1002:2000:2001:2002"
SETGID, SETUID, SETPCAP, NET_RAW, SYS_TIME = 6, 7, 8, 13, 25
SETS = ("inheritable", "permitted", "effective", "bounding", "ambient")
IDS = ("uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid")


def side(which: str, facts: Facts) -> dict[str, Any]:
    return {
        **{f"{which}_{name}": facts[name] for name in IDS},
        **{f"{which}_cap_{name}": facts[f"cap_{name}"] for name in SETS},
        f"{which}_user_ns": facts["user_ns"],
    }


def fields_of(before: Facts, after: Facts) -> dict[str, Any]:
    return {**side("old", before), **side("new", after)}


@pytest.mark.parametrize(
    ("mode", "uid", "caps"),
    [(0o4755, 0, 0), (0o755, 0, 1 << NET_RAW | 1 << SYS_TIME)],
    ids=["setuid", "caps"],
)
def test_executed(tap: Tap, disk: Path, bits: int, mode: int, uid: int, caps: int) -> None:
    """A program of root's, or with file capabilities, executed by a user."""
    program = disk / f"cred{bits}{mode:o}"
    shutil.copy(ACT[bits], program)
    program.chmod(mode)
    if caps:
        os.setxattr(program, "security.capability", struct.pack("<5I", 0x02000001, caps, 0, 0, 0))
    done = act("groups=2000", USER, f"exec={program}", "x", "facts", bits=bits)
    before, after = done["before"], done["facts"]
    assert after["cap_effective"] == (caps or after["cap_bounding"])
    assert after["euid"] == (1001 if caps else 0)
    tap.collect()
    record = tap.one("update_cred", after["tgid"])
    # The new program's name is there already; its executable comes when all is done.
    context = context_of(before, comm=program.name[:15])
    tap.check(record, context, fields_of(before, after), flags=flags_of(bits), within=done)


def test_setgid_program_of_root(tap: Tap, disk: Path) -> None:
    program = disk / "credgid"
    shutil.copy(ACT[64], program)
    os.chown(program, 0, 0)
    program.chmod(0o2755)
    done = act("groups=2000", USER, f"exec={program}", "x", "facts")
    before, after = done["before"], done["facts"]
    assert after["egid"] == 0 and after["cap_permitted"] == 0
    tap.collect()
    record = tap.one("update_cred", after["tgid"])
    tap.check(record, context_of(before, comm="credgid"), fields_of(before, after))


@pytest.mark.parametrize("call", ["setuid=0", "setresuid=0:0:0", "setresuid=-1:0:-1", "setresuid=-1:-1:0"])
def test_to_root(tap: Tap, bits: int, call: str) -> None:
    """A user with CAP_SETUID."""
    name = call.partition("=")[0]
    caps = 1 << SETUID
    steps = [USER, f"capabilities={caps}:{caps}:{caps}", f"setambient={SETUID}", call]
    done = act("securebits=4", *steps, bits=bits)
    before, after = done["before"], done[name]
    assert before["cap_ambient"] == after["cap_ambient"] == caps
    assert after["result"] == 0 and 0 in (after["uid"], after["euid"], after["suid"])
    tap.collect()
    record = tap.one("update_cred", after["tgid"])
    tap.check(record, context_of(before), fields_of(before, after), flags=flags_of(bits), within=done)


@pytest.mark.parametrize("call", ["setresgid=0:0:0", "setresgid=-1:0:-1", "setresgid=-1:-1:0"])
def test_to_group_root(tap: Tap, bits: int, call: str) -> None:
    caps = 1 << SETGID
    done = act("securebits=4", USER, f"capabilities={caps}:{caps}:0", call, bits=bits)
    before, after = done["before"], done["setresgid"]
    assert after["result"] == 0
    tap.collect()
    record = tap.one("update_cred", after["tgid"])
    tap.check(record, context_of(before), fields_of(before, after), flags=flags_of(bits), within=done)


def test_inheritable(tap: Tap, bits: int) -> None:
    """capset(2) with CAP_SETPCAP: a capability that no set had."""
    caps = 1 << SETPCAP
    done = act("securebits=4", USER, f"capabilities={caps}:{caps}:0", f"inherit={NET_RAW}", bits=bits)
    before, after = done["before"], done["inherit"]
    assert after["result"] == 0 and after["cap_inheritable"] == 1 << NET_RAW
    tap.collect()
    record = tap.one("update_cred", after["tgid"])
    tap.check(record, context_of(before), fields_of(before, after), flags=flags_of(bits), within=done)


def test_user_namespace(tap: Tap, bits: int) -> None:
    """Who makes a user namespace has all capabilities there."""
    done = act(USER, "facts", "unshare=user", "comm=there", "udp=127.0.0.1:1", bits=bits)
    before, after = done["facts"], done["udp"]
    assert before["cap_permitted"] == 0 and after["cap_effective"]
    tap.collect()
    record = tap.one("update_cred", after["tgid"])
    # The ids outside stay what they were.
    outside = {**after, **{name: before[name] for name in IDS}}
    tap.check(record, context_of(before), fields_of(before, outside), flags=flags_of(bits))


def test_not_recorded(tap: Tap, bits: int) -> None:
    """Less than before, what one could have at any time, and what was refused."""
    caps = 1 << NET_RAW | 1 << SYS_TIME
    drops = [
        act("setresgid=2000:2000:2000", "setresuid=1000:1000:1000", bits=bits),
        act(f"lower={NET_RAW}", bits=bits),
        act("securebits=4", USER, f"capabilities=0:{caps}:{caps}", f"raise={NET_RAW}", bits=bits),
        act("securebits=4", USER, f"capabilities=0:{caps}:{caps}", f"ambient={NET_RAW}", bits=bits),
        act(USER, "setuid=0", f"raise={NET_RAW}", f"inherit={NET_RAW}", bits=bits),
        act("ids=0:1000:0:0:0:0", "setresuid=-1:0:-1", bits=bits),
    ]
    results = [[line["result"] for line in done.lines if line["act"] != "before"] for done in drops]
    assert results == [[0, 0], [0], [0], [0], [-1, -1, -1], [0]]
    tap.collect()
    for done in drops:
        assert not tap.of("update_cred", done.lines[0]["tgid"])


def test_a_thread(tap: Tap) -> None:
    """Credentials are a thread's."""
    caps = 1 << SETUID
    done = act("securebits=4", USER, f"capabilities={caps}:{caps}:0", "thread", "setresuid=-1:0:-1")
    before, after = done["before"], done["setresuid"]
    assert after["tid"] != after["tgid"] and after["euid"] == 0
    tap.collect()
    tap.check(tap.one("update_cred", after["tgid"]), context_of(before), fields_of(before, after))
