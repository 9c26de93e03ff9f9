# SPDX-License-Identifier: GPL-2.0-only
"""Event 803."""

from __future__ import annotations

from typing import Any

import pytest

from acting import REREAD, Facts, Tap, act, context_of, flags_of

EVENTS = ["io_uring"]

SETUP, PERSONALITY, OVERRIDE = 1, 2, 3
IOPOLL, SQPOLL, CLAMP = 1, 2, 16
EBADF, EFAULT, EINVAL = 9, 14, 22
USER = "ids=1000:1001:1000:1002:1003:1002"


def check(tap: Tap, facts: Facts, flags: int, kind: int, **data: Any) -> None:
    setup = ("entries", "setup_flags", "sqpoll", "ring")
    override = ("new_uid", "new_euid", "new_gid", "new_egid", "new_cap_effective")
    expected = {"kind": kind, **dict.fromkeys((*setup, *override)), "result": facts["result"], **data}
    tap.check(tap.one("io_uring", facts["tgid"], kind=kind), context_of(facts), expected, flags=flags)


@pytest.mark.parametrize("flags", [0, SQPOLL, IOPOLL | CLAMP])
def test_made(tap: Tap, bits: int, flags: int) -> None:
    """What the kernel says of it, the program's memory is not asked."""
    facts = act(f"ring=5:{flags}", bits=bits)["ring"]
    assert facts["result"] > 0
    tap.collect()
    polls = 1 if flags & SQPOLL else 0
    check(tap, facts, flags_of(bits), SETUP, entries=5, setup_flags=flags, sqpoll=polls)


def test_refused(tap: Tap, bits: int) -> None:
    facts = act(f"ring=8:{1 << 30 | SQPOLL}", bits=bits)["ring"]
    assert facts["result"] == -EINVAL
    tap.collect()
    flags = flags_of(bits) | REREAD
    check(tap, facts, flags, SETUP, entries=8, setup_flags=1 << 30 | SQPOLL, sqpoll=1)
    facts = act("badring=9", bits=bits)["badring"]
    assert facts["result"] == -EFAULT
    tap.collect()
    check(tap, facts, flags, SETUP, entries=9)


def test_credentials_of_others(tap: Tap, bits: int) -> None:
    """A user's request with what root has registered."""
    done = act("ring=4:0", "personality", USER, "request", bits=bits)
    assert done["personality"]["result"] > 0 and done["request"]["result"] == 1
    root = done["personality"]
    tap.collect()
    check(tap, root, flags_of(bits), PERSONALITY, ring=root["ring"])
    new = {"new_uid": 0, "new_euid": 0, "new_gid": 0, "new_egid": 0}
    assert (root["uid"], root["gid"], done["request"]["euid"]) == (0, 0, 1001)
    caps = root["cap_effective"]
    check(tap, done["request"], flags_of(bits), OVERRIDE, **new, new_cap_effective=caps, result=None)


def test_every_id(tap: Tap, bits: int) -> None:
    """The other way round: each of a user's, by root; the saved ids are what sets them apart."""
    ids = ("setresgid=1003:1004:0", "setresuid=1001:1002:0")
    done = act("ring=4:0", *ids, "personality", "setresuid=0:0:0", "request", bits=bits)
    assert done["request"]["result"] == 1
    tap.collect()
    new = {"new_uid": 1001, "new_euid": 1002, "new_gid": 1003, "new_egid": 1004, "new_cap_effective": 0}
    check(tap, done["request"], flags_of(bits), OVERRIDE, **new, result=None)


def test_no_ring(tap: Tap, bits: int) -> None:
    facts = act("personality", bits=bits)["personality"]
    assert facts["result"] == -EBADF
    tap.collect()
    check(tap, facts, flags_of(bits), PERSONALITY, ring=-1)


def test_not_recorded(tap: Tap, bits: int) -> None:
    """Requests with the task's own credentials, even registered ones, and what else is registered."""
    done = act("ring=4:0", "register=5", "personality", "request", bits=bits)
    assert done["request"]["result"] == 1
    tap.collect()
    assert [record.kind for record in tap.of("io_uring", done["ring"]["tgid"])] == [SETUP, PERSONALITY]
