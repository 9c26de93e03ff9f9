# SPDX-License-Identifier: GPL-2.0-only
"""Event 356."""

from __future__ import annotations

import os

import pytest

from acting import NASTY, REREAD, Tap, act, context_of, flags_of

EVENTS = ["memfd_create"]


@pytest.mark.parametrize(("name", "flags"), [(NASTY, 3), ("memfd:x", 1), ("n" * 249, 0), ("", 2)])
def test_made(tap: Tap, bits: int, name: str, flags: int) -> None:
    done = act(os.fsencode(f"makememfd={flags}:{name}"), bits=bits)
    facts = done["makememfd"]
    assert facts["result"] > 0
    tap.collect()
    data = {"name": name, "memfd_flags": flags, "result": facts["result"]}
    record = tap.one("memfd_create", facts["tgid"])
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


@pytest.mark.parametrize(("name", "flags"), [(NASTY, 0x1000), ("n" * 250, 1)])
def test_refused(tap: Tap, bits: int, name: str, flags: int) -> None:
    """The name is what the caller's memory says."""
    facts = act(os.fsencode(f"makememfd={flags}:{name}"), bits=bits)["makememfd"]
    assert facts["result"] == -22
    tap.collect()
    data = {"name": name, "memfd_flags": flags, "result": -22}
    record = tap.one("memfd_create", facts["tgid"])
    tap.check(record, context_of(facts), data, flags=flags_of(bits) | REREAD)


def test_without_a_name(tap: Tap, bits: int) -> None:
    facts = act("badmemfd", bits=bits)["badmemfd"]
    assert facts["result"] == -14
    tap.collect()
    record = tap.one("memfd_create", facts["tgid"])
    data = {"name": None, "memfd_flags": 0, "result": -14}
    assert record.flags & REREAD
    tap.check(record, context_of(facts), data, flags=record.flags)
