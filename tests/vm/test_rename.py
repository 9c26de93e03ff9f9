# SPDX-License-Identifier: GPL-2.0-only
"""Event 82."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from acting import NASTY, OVERLAY, Facts, Tap, act, context_of, file_device, flags_of

EVENTS = ["rename"]

NOREPLACE, EXCHANGE = 1, 2


def fields_of(old: str, new: str, device: int, **other: Any) -> dict[str, Any]:
    expected = {"old_path": old, "new_path": new, "flags": 0, "device": device, "fs_id": "tmpfs"}
    assert set(other) <= set(expected)
    return {**expected, **other}


def check(tap: Tap, facts: Facts, data: dict[str, Any], bits: int, flags: int = 0) -> None:
    tap.collect()
    flags |= flags_of(bits)
    tap.check(tap.one("rename", facts["tgid"]), context_of(facts), data, flags=flags)


def test_rename(tap: Tap, tmpfs: Path, bits: int) -> None:
    (tmpfs / "a").touch()
    (tmpfs / "d").mkdir()
    facts = act(f"rename=a:d/{NASTY}", bits=bits, cwd=tmpfs)["rename"]
    assert facts["result"] == 0
    check(tap, facts, fields_of(f"{tmpfs}/a", f"{tmpfs}/d/{NASTY}", file_device(tmpfs)), bits)


def test_exchange(tap: Tap, tmpfs: Path, bits: int) -> None:
    (tmpfs / "a").touch()
    (tmpfs / "b").touch()
    facts = act(f"renameat2={EXCHANGE}:{tmpfs}/a:{tmpfs}/b", bits=bits)["renameat2"]
    assert facts["result"] == 0
    check(tap, facts, fields_of(f"{tmpfs}/a", f"{tmpfs}/b", file_device(tmpfs), flags=EXCHANGE), bits)


def test_directory_on_a_disk(tap: Tap, disk: Path, bits: int) -> None:
    (disk / f"from{bits}").mkdir()
    facts = act(f"rename={disk}/from{bits}:{disk}/to{bits}", bits=bits)["rename"]
    assert facts["result"] == 0
    source = subprocess.run(["findmnt", "-no", "SOURCE", disk], capture_output=True, text=True, check=True)
    fs_id = Path(source.stdout.strip()).name
    data = fields_of(f"{disk}/from{bits}", f"{disk}/to{bits}", file_device(disk), fs_id=fs_id)
    check(tap, facts, data, bits)


def test_overlay(tap: Tap, overlay: Path) -> None:
    """One record, of the overlay, and none of its layers."""
    (overlay / "a").touch()
    facts = act(f"rename={overlay}/a:{overlay}/b")["rename"]
    assert facts["result"] == 0
    data = fields_of(f"{overlay}/a", f"{overlay}/b", file_device(overlay), fs_id="overlay")
    check(tap, facts, data, 64, flags=OVERLAY)


def test_not_recorded(tap: Tap, tmpfs: Path, bits: int) -> None:
    """What does not exist, or exists already, is not renamed."""
    (tmpfs / "a").touch()
    (tmpfs / "b").touch()
    done = act(f"rename={tmpfs}/none:{tmpfs}/x", f"renameat2={NOREPLACE}:{tmpfs}/a:{tmpfs}/b", bits=bits)
    assert (done["rename"]["result"], done["renameat2"]["result"]) == (-2, -17)
    tap.collect()
    assert not tap.of("rename", done["rename"]["tgid"])
