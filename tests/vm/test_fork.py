# SPDX-License-Identifier: GPL-2.0-only
"""Event 800."""

from __future__ import annotations

import os
from typing import Any

import pytest

from acting import Facts, Tap, Ticks, act, context_of, flags_of

EVENTS = ["fork", "exit"]

CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_VFORK = 0x100, 0x200, 0x400, 0x4000
CLONE_NEWNS, CLONE_CLEAR_TID, CLONE_SET_TID = 0x20000, 0x200000, 0x1000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
CLONE_CLEAR_SIGHAND = 0x100000000


def fields_of(child: Facts, clone_flags: int, **other: Any) -> dict[str, Any]:
    expected = {
        "child_tgid": child["tgid"],
        "child_ns_pid": child["ns_pid"],
        "child_start_time": Ticks(child["start_ticks"]),
        "clone_flags": clone_flags,
        "new_mnt_ns": None,
        "new_pid_ns": None,
        "new_net_ns": None,
        "new_user_ns": None,
    }
    assert set(other) <= set(expected)
    return {**expected, **other}


def test_fork(tap: Tap, bits: int) -> None:
    done = act("spawn", bits=bits)
    tap.collect()
    facts = done["spawn"]
    record = tap.one("fork", facts["tgid"])
    data = fields_of(done["child"], CLONE_CLEAR_TID | CLONE_SET_TID)
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)
    # To the nanosecond, what the child itself is recorded with.
    assert record.child_start_time == tap.one("exit", record.child_tgid).start_time
    assert record.start_time == tap.one("exit", record.tgid).start_time


def test_raw_fork(tap: Tap, bits: int) -> None:
    done = act("rawfork", bits=bits)
    tap.collect()
    facts = done["rawfork"]
    record = tap.one("fork", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(done["child"], 0), flags=flags_of(bits), within=done)


def test_vfork(tap: Tap, bits: int) -> None:
    done = act("vfork", bits=bits)
    tap.collect()
    facts = done["vfork"]
    record = tap.one("fork", facts["tgid"])
    end = tap.one("exit", facts["result"])
    child = {"tgid": facts["result"], "ns_pid": facts["result"], "start_ticks": 0}
    data = {**fields_of(child, CLONE_VFORK | CLONE_VM), "child_start_time": end.start_time}
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


@pytest.mark.parametrize("call", ["clone", "clone3"])
def test_clone(tap: Tap, bits: int, call: str) -> None:
    flags = CLONE_FS | CLONE_FILES
    done = act(f"{call}={flags:#x}", bits=bits)
    tap.collect()
    facts = done[call]
    record = tap.one("fork", facts["tgid"])
    tap.check(record, context_of(facts), fields_of(done["child"], flags), flags=flags_of(bits), within=done)


def test_clone3_flags_beyond_32_bits(tap: Tap) -> None:
    done = act(f"clone3={CLONE_CLEAR_SIGHAND:#x}")
    tap.collect()
    facts = done["clone3"]
    data = fields_of(done["child"], CLONE_CLEAR_SIGHAND)
    tap.check(tap.one("fork", facts["tgid"]), context_of(facts), data)


@pytest.mark.parametrize("call", ["clone", "clone3"])
def test_new_namespaces(tap: Tap, bits: int, call: str) -> None:
    flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUSER
    done = act(f"{call}={flags:#x}", bits=bits)
    child, facts = done["child"], done[call]
    assert child["ns_pid"] == 1 and child["tgid"] != 1
    tap.collect()
    data = fields_of(
        child,
        flags,
        new_mnt_ns=child["mnt_ns"],
        new_pid_ns=child["pid_ns"],
        new_net_ns=child["net_ns"],
        new_user_ns=child["user_ns"],
    )
    tap.check(tap.one("fork", facts["tgid"]), context_of(facts), data, flags=flags_of(bits), within=done)


@pytest.mark.parametrize(
    ("flag", "name"),
    [(CLONE_NEWNS, "mnt"), (CLONE_NEWPID, "pid"), (CLONE_NEWNET, "net"), (CLONE_NEWUSER, "user")],
)
def test_one_new_namespace(tap: Tap, flag: int, name: str) -> None:
    done = act(f"clone={flag:#x}")
    child, facts = done["child"], done["clone"]
    assert child[f"{name}_ns"] != os.stat(f"/proc/self/ns/{name}").st_ino
    tap.collect()
    data = fields_of(child, flag, **{f"new_{name}_ns": child[f"{name}_ns"]})
    tap.check(tap.one("fork", facts["tgid"]), context_of(facts), data)


def test_child_of_an_unshared_pid_namespace(tap: Tap) -> None:
    """unshare(CLONE_NEWPID) makes the next child the first of a new namespace."""
    done = act("unshare=pid", "rawfork", status=0)
    child, facts = done["child"], done["rawfork"]
    assert child["ns_pid"] == 1
    tap.collect()
    data = fields_of(child, 0, new_pid_ns=child["pid_ns"])
    tap.check(tap.one("fork", facts["tgid"]), context_of(facts), data)


def test_threads_are_not_recorded(tap: Tap, bits: int) -> None:
    done = act("threads=5", bits=bits)
    tap.collect()
    assert not tap.of("fork", done["threads"]["tgid"])
    assert tap.of("exit", done["threads"]["tgid"])


def test_a_thread_forks(tap: Tap) -> None:
    """The child's parent is the process, whichever thread called."""
    done = act("thread", "rawfork")
    facts, child = done["rawfork"], done["child"]
    assert facts["tid"] != facts["tgid"] and child["parent_tgid"] == facts["tgid"]
    tap.collect()
    tap.check(tap.one("fork", facts["tgid"]), context_of(facts), fields_of(child, 0))


def test_refused_fork_is_not_recorded(tap: Tap) -> None:
    done = act(f"clone={CLONE_NEWUSER | CLONE_FS:#x}")
    assert done["clone"]["result"] < 0
    tap.collect()
    assert not tap.of("fork", done["clone"]["tgid"])
