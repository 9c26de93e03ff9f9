# SPDX-License-Identifier: GPL-2.0-only
"""Event 231."""

from __future__ import annotations

from acting import COMPAT, Tap, act, context_of

EVENTS = ["exit_group"]


def test_exit_group(tap: Tap, bits: int) -> None:
    done = act("facts", "exit=301", bits=bits, status=301 & 0xFF)
    facts = done["facts"]
    tap.collect()
    record = tap.one("exit_group", facts["tgid"])
    tap.check(record, context_of(facts), {"code": 301 & 0xFF}, flags=COMPAT if bits == 32 else 0, within=done)


def test_not_recorded(tap: Tap, bits: int) -> None:
    """Killed by a signal; and a thread that ends alone."""
    killed = act("facts", "kill=9", bits=bits, status=-9)["facts"]
    tap.collect()
    assert not tap.of("exit_group", killed["tgid"])
