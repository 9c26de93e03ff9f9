# SPDX-License-Identifier: GPL-2.0-only
"""Event 605."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from acting import COMPAT, NASTY, OVERLAY, Facts, Tap, act, context_of, file_device

EVENTS = ["unlink"]

EACCES, ENOENT, EISDIR, EROFS, ENOTDIR = 13, 2, 21, 30, 20


def fields_of(path: Path, **other: Any) -> dict[str, Any]:
    """Of a file that is still there."""
    expected = {
        "path": str(path),
        "links": path.lstat().st_nlink,
        "running": 0,
        "inode": path.lstat().st_ino,
        "device": file_device(path.parent),
        "fs_id": "tmpfs",
        "result": 0,
    }
    assert set(other) <= set(expected)
    return {**expected, **other}


def check(tap: Tap, facts: Facts, data: dict[str, Any], bits: int, flags: int = 0) -> None:
    tap.collect()
    flags |= COMPAT if bits == 32 else 0
    tap.check(tap.one("unlink", facts["tgid"]), context_of(facts), data, flags=flags)


def test_unlink(tap: Tap, tmpfs: Path, bits: int) -> None:
    path = tmpfs / NASTY
    path.touch()
    os.link(path, tmpfs / "other")
    data = fields_of(path)
    assert data["links"] == 2
    facts = act(f"unlink={NASTY}", bits=bits, cwd=tmpfs)["unlink"]
    assert facts["result"] == 0 and not path.exists()
    check(tap, facts, data, bits)


def test_unlinkat(tap: Tap, disk: Path, bits: int) -> None:
    """From a folder's descriptor; a symbolic link is one that goes, not what it says."""
    path = disk / f"link{bits}"
    path.symlink_to(disk)
    source = subprocess.run(["findmnt", "-no", "SOURCE", disk], capture_output=True, text=True, check=True)
    data = fields_of(path, fs_id=Path(source.stdout.strip()).name)
    facts = act(f"unlinkat=0:{path.name}:{disk}", bits=bits)["unlinkat"]
    assert facts["result"] == 0
    check(tap, facts, data, bits)


def test_mount_of_a_folder(tap: Tap, tmpfs: Path) -> None:
    """The path is that by which the program comes, not that of the file system."""
    (tmpfs / "d").mkdir()
    (tmpfs / "e").mkdir()
    subprocess.run(["mount", "--bind", tmpfs / "d", tmpfs / "e"], check=True)
    path = tmpfs / "e" / "f"
    path.touch()
    data = fields_of(path)
    facts = act(f"unlink={path}")["unlink"]
    subprocess.run(["umount", tmpfs / "e"], check=True)
    check(tap, facts, data, 64)


def test_running(tap: Tap, tmpfs: Path, bits: int) -> None:
    path = tmpfs / "runs"
    shutil.copy("/bin/sleep", path)
    data = fields_of(path, running=1)
    process = subprocess.Popen([path, "1000"])
    facts = act(f"unlink={path}", bits=bits)["unlink"]
    process.kill()
    process.wait()
    assert facts["result"] == 0
    check(tap, facts, data, bits)


def test_overlay(tap: Tap, overlay: Path) -> None:
    """One record, of the overlay, and none of its layers."""
    path = overlay / "a"
    path.touch()
    data = fields_of(path, fs_id="overlay")
    facts = act(f"unlink={path}")["unlink"]
    assert facts["result"] == 0
    check(tap, facts, data, 64, OVERLAY)


def test_refused(tap: Tap, tmpfs: Path, bits: int) -> None:
    """By the permissions of the folder."""
    path = tmpfs / "roots"
    path.touch()
    facts = act("groups=1", "ids=1:1:1:1:1:1", f"unlink={path}", bits=bits)["unlink"]
    assert facts["result"] == -EACCES
    check(tap, facts, fields_of(path, result=-EACCES), bits)


def test_refused_by_a_security_module(tap: Tap, tmpfs: Path, bits: int) -> None:
    if "landlock" not in Path("/sys/kernel/security/lsm").read_text():
        pytest.skip("landlock is not in /sys/kernel/security/lsm of this kernel")
    path = tmpfs / "kept"
    path.touch()
    facts = act("keepfiles", f"unlink={path}", bits=bits)["unlink"]
    assert facts["result"] == -EACCES
    check(tap, facts, fields_of(path, result=-EACCES), bits)


def test_not_recorded(tap: Tap, tmpfs: Path, bits: int) -> None:
    """What does not exist, is a folder, or cannot be written to at all."""
    (tmpfs / "f").touch()
    (tmpfs / "d").mkdir()
    gone = act(f"unlink={tmpfs}/none", f"unlinkat=0:d:{tmpfs}", f"rmdir={tmpfs}/f", bits=bits)
    results = [gone[call]["result"] for call in ("unlink", "unlinkat", "rmdir")]
    assert results[0] == -ENOENT and results[2] == -ENOTDIR
    subprocess.run(["mount", "-o", "remount,ro", tmpfs], check=True)
    frozen = act(f"unlink={tmpfs}/f", bits=bits)["unlink"]
    subprocess.run(["mount", "-o", "remount,rw", tmpfs], check=True)
    assert frozen["result"] == -EROFS
    tap.collect()
    # A folder is asked about, and refused.
    assert [one.result for one in tap.of("unlink", gone["unlink"]["tgid"])] == [-EISDIR]
    assert not tap.of("unlink", frozen["tgid"])
