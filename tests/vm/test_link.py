# SPDX-License-Identifier: GPL-2.0-only
"""Event 86."""

from __future__ import annotations

from pathlib import Path

from acting import COMPAT, NASTY, Tap, act, context_of, file_device

EVENTS = ["link"]


def test_link(tap: Tap, tmpfs: Path, bits: int) -> None:
    (tmpfs / "a").touch()
    facts = act(f"link={tmpfs}/a:{NASTY}", bits=bits, cwd=tmpfs)["link"]
    assert facts["result"] == 0
    tap.collect()
    data = {
        "kind": 1,
        "target": f"{tmpfs}/a",
        "path": f"{tmpfs}/{NASTY}",
        "device": file_device(tmpfs),
        "fs_id": "tmpfs",
    }
    record = tap.one("link", facts["tgid"])
    tap.check(record, context_of(facts), data, flags=COMPAT if bits == 32 else 0)


def test_symlink(tap: Tap, tmpfs: Path, bits: int) -> None:
    """The target is what the link says, byte for byte."""
    facts = act(f"symlink=../{NASTY}:{tmpfs}/s", bits=bits)["symlink"]
    assert facts["result"] == 0
    tap.collect()
    data = {
        "kind": 2,
        "target": f"../{NASTY}",
        "path": f"{tmpfs}/s",
        "device": file_device(tmpfs),
        "fs_id": "tmpfs",
    }
    record = tap.one("link", facts["tgid"])
    tap.check(record, context_of(facts), data, flags=COMPAT if bits == 32 else 0)


def test_not_recorded(tap: Tap, tmpfs: Path, bits: int) -> None:
    (tmpfs / "a").touch()
    done = act(f"link={tmpfs}/none:{tmpfs}/x", f"symlink=y:{tmpfs}/a", bits=bits)
    assert (done["link"]["result"], done["symlink"]["result"]) == (-2, -17)
    tap.collect()
    assert not tap.of("link", done["link"]["tgid"])
