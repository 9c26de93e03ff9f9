# SPDX-License-Identifier: GPL-2.0-only
"""Event 90."""

from __future__ import annotations

from pathlib import Path

import pytest

from acting import COMPAT, NASTY, Tap, act, context_of

EVENTS = ["chmod"]


@pytest.mark.parametrize("call", ["chmod", "fchmod"])
@pytest.mark.parametrize("mode", ["755", "4644", "2644", "645"])
def test_chmod(tap: Tap, tmpfs: Path, bits: int, call: str, mode: str) -> None:
    path = tmpfs / NASTY
    path.touch(mode=0o644)
    path.chmod(0o644)
    facts = act(f"{call}={mode}:{path}", bits=bits)[call]
    assert facts["result"] == 0
    tap.collect()
    data = {"path": str(path), "old_mode": 0o100644, "mode": int(mode, 8), "result": 0}
    record = tap.one("chmod", facts["tgid"])
    tap.check(record, context_of(facts), data, flags=COMPAT if bits == 32 else 0)


def test_refused(tap: Tap, tmpfs: Path, bits: int) -> None:
    path = tmpfs / "roots"
    path.touch()
    path.chmod(0o644)
    facts = act("groups=1", "ids=1:1:1:1:1:1", f"chmod=4755:{path}", bits=bits)["chmod"]
    assert facts["result"] == -1
    tap.collect()
    data = {"path": str(path), "old_mode": 0o100644, "mode": 0o4755, "result": -1}
    record = tap.one("chmod", facts["tgid"])
    tap.check(record, context_of(facts), data, flags=COMPAT if bits == 32 else 0)


def test_not_recorded(tap: Tap, tmpfs: Path, bits: int) -> None:
    """What sets no such bit, or only those that were there."""
    path = tmpfs / "file"
    path.touch()
    path.chmod(0o755)
    facts = act(f"chmod=644:{path}", f"fchmod=666:{path}", bits=bits)["chmod"]
    path.chmod(0o755)
    again = act(f"chmod=711:{path}", bits=bits)["chmod"]
    tap.collect()
    assert not tap.of("chmod", facts["tgid"])
    assert not tap.of("chmod", again["tgid"])
