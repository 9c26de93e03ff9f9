# SPDX-License-Identifier: GPL-2.0-only
"""Event 165."""

from __future__ import annotations

import subprocess
from pathlib import Path

from acting import COMPAT, NASTY, Tap, act, context_of

EVENTS = ["mount"]

NODEV, BIND, REC = 4, 4096, 16384


def test_mount(tap: Tap, place: Path, bits: int) -> None:
    facts = act(f"mount={NASTY}:tmpfs:{NODEV}:mode=700:{place}", bits=bits)["mount"]
    assert facts["result"] == 0
    tap.collect()
    record = tap.one("mount", facts["tgid"])
    subprocess.run(["umount", place], check=True)
    data = {"source": NASTY, "target": str(place), "type": "tmpfs", "flags": NODEV, "options": "mode=700"}
    tap.check(record, context_of(facts), data, flags=COMPAT if bits == 32 else 0)


def test_bind(tap: Tap, tmpfs: Path, bits: int) -> None:
    """Neither a type nor options; the target is named in another way."""
    (tmpfs / "from").mkdir()
    (tmpfs / "to").mkdir()
    facts = act(f"mount=from::{BIND | REC}::from/../to", bits=bits, cwd=tmpfs)["mount"]
    assert facts["result"] == 0
    tap.collect()
    record = tap.one("mount", facts["tgid"])
    subprocess.run(["umount", tmpfs / "to"], check=True)
    data = {"source": "from", "target": f"{tmpfs}/to", "type": None, "flags": BIND | REC, "options": None}
    tap.check(record, context_of(facts), data, flags=COMPAT if bits == 32 else 0)


def test_not_recorded(tap: Tap, place: Path, bits: int) -> None:
    """The kernel asks nobody about a target that is not there."""
    missing = act(f"mount=x:tmpfs:0::{place}/none", bits=bits)["mount"]
    assert missing["result"] == -2
    tap.collect()
    assert not tap.of("mount", missing["tgid"])
