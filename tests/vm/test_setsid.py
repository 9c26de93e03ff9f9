# SPDX-License-Identifier: GPL-2.0-only
"""Event 112."""

from __future__ import annotations

from acting import Tap, act, context_of, flags_of

EVENTS = ["setsid"]


def test_new_session(tap: Tap, bits: int) -> None:
    done = act("newsession", bits=bits)
    facts = done["newsession"]
    assert facts["result"] == facts["sid"] == facts["tgid"]
    tap.collect()
    record = tap.one("setsid", facts["tgid"])
    tap.check(record, context_of(facts), {"result": facts["tgid"]}, flags=flags_of(bits), within=done)


def test_in_a_namespace(tap: Tap) -> None:
    """The number is that of the process's own pid namespace."""
    facts = act("unshare=pid", "fork", "fork", "newsession")["newsession"]
    assert facts["result"] == facts["ns_pid"] != facts["tgid"]
    tap.collect()
    record = tap.one("setsid", facts["tgid"])
    tap.check(record, context_of(facts), {"result": facts["ns_pid"]})


def test_refused(tap: Tap, bits: int) -> None:
    """A leader of a process group."""
    facts = act("setpgid", "newsession", bits=bits)["newsession"]
    assert facts["result"] == -1
    tap.collect()
    record = tap.one("setsid", facts["tgid"])
    tap.check(record, context_of(facts), {"result": -1}, flags=flags_of(bits))
