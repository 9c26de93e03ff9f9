# SPDX-License-Identifier: GPL-2.0-only
"""Event 606."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from acting import COMPAT, NASTY, OVERLAY, Facts, Tap, act, context_of, file_device

EVENTS = ["rmdir"]

REMOVEDIR = 0x200
ENOENT, EACCES, ENOTDIR, ENOTEMPTY = 2, 13, 20, 39


def fields_of(path: Path, **other: Any) -> dict[str, Any]:
    """Of a folder that is still there."""
    expected = {
        "path": str(path),
        "links": path.stat().st_nlink,
        "inode": path.stat().st_ino,
        "device": file_device(path),
        "fs_id": "tmpfs",
        "result": 0,
    }
    assert set(other) <= set(expected)
    return {**expected, **other}


def check(tap: Tap, facts: Facts, data: dict[str, Any], bits: int, flags: int = 0) -> None:
    tap.collect()
    flags |= COMPAT if bits == 32 else 0
    tap.check(tap.one("rmdir", facts["tgid"]), context_of(facts), data, flags=flags)


def test_rmdir(tap: Tap, tmpfs: Path, bits: int) -> None:
    path = tmpfs / NASTY
    path.mkdir()
    data = fields_of(path)
    facts = act(f"rmdir={NASTY}", bits=bits, cwd=tmpfs)["rmdir"]
    assert facts["result"] == 0 and not path.exists()
    check(tap, facts, data, bits)


def test_unlinkat(tap: Tap, disk: Path, bits: int) -> None:
    path = disk / f"folder{bits}"
    path.mkdir()
    source = subprocess.run(["findmnt", "-no", "SOURCE", disk], capture_output=True, text=True, check=True)
    data = fields_of(path, fs_id=Path(source.stdout.strip()).name)
    facts = act(f"unlinkat={REMOVEDIR}:{path.name}:{disk}", bits=bits)["unlinkat"]
    assert facts["result"] == 0
    check(tap, facts, data, bits)


def test_overlay(tap: Tap, overlay: Path) -> None:
    """One record, of the overlay, which does not count links of folders, and none of its layers."""
    path = overlay / "d"
    path.mkdir()
    data = fields_of(path, fs_id="overlay", links=1)
    facts = act(f"rmdir={path}")["rmdir"]
    assert facts["result"] == 0
    check(tap, facts, data, 64, OVERLAY)


def test_refused(tap: Tap, tmpfs: Path, bits: int) -> None:
    """As it is not empty."""
    path = tmpfs / "full"
    (path / "d").mkdir(parents=True)
    data = fields_of(path, result=-ENOTEMPTY)
    assert data["links"] == 3
    facts = act(f"rmdir={path}", bits=bits)["rmdir"]
    assert facts["result"] == -ENOTEMPTY
    check(tap, facts, data, bits)


def test_refused_by_a_security_module(tap: Tap, tmpfs: Path, bits: int) -> None:
    if "landlock" not in Path("/sys/kernel/security/lsm").read_text():
        pytest.skip("landlock is not in /sys/kernel/security/lsm of this kernel")
    path = tmpfs / "kept"
    path.mkdir()
    facts = act("keepfiles", f"rmdir={path}", bits=bits)["rmdir"]
    assert facts["result"] == -EACCES
    check(tap, facts, fields_of(path, result=-EACCES), bits)


def test_not_recorded(tap: Tap, tmpfs: Path, bits: int) -> None:
    """What does not exist, and what another call removes."""
    (tmpfs / "f").touch()
    done = act(f"rmdir={tmpfs}/none", f"unlink={tmpfs}/f", bits=bits)
    assert (done["rmdir"]["result"], done["unlink"]["result"]) == (-ENOENT, 0)
    tap.collect()
    assert not tap.of("rmdir", done["rmdir"]["tgid"])
