# SPDX-License-Identifier: GPL-2.0-only
"""Event 2."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from acting import NASTY, Facts, Tap, act, context_of, flags_of

EVENTS = ["open"]

#: What the kernel adds for a native program.
LARGE = 0o100000
RESOLVE_NO_XDEV, RESOLVE_BENEATH, RESOLVE_IN_ROOT = 0x01, 0x08, 0x10


def fields_of(
    facts: Facts, name: str, path: str | None, flags: int, bits: int, **other: Any
) -> dict[str, Any]:
    expected = {
        "filename": name,
        "path": path,
        "flags": flags | (LARGE if bits == 64 else 0),
        "mode": 0,
        "resolve": 0,
        "result": min(facts["result"], 0),
    }
    assert set(other) <= set(expected)
    return {**expected, **other}


def test_opened(tap: Tap, tmpfs: Path, bits: int) -> None:
    """By a relative name that goes around; the path is that of the file."""
    (tmpfs / "d").mkdir()
    (tmpfs / NASTY).touch()
    name = f"d/../{NASTY}"
    done = act(f"open={os.O_RDWR | os.O_APPEND}:0:{name}", bits=bits, cwd=tmpfs)
    facts = done["open"]
    assert facts["result"] >= 0
    tap.collect()
    record = tap.one("open", facts["tgid"], filename=name)
    data = fields_of(facts, name, f"{tmpfs}/{NASTY}", os.O_RDWR | os.O_APPEND, bits)
    tap.check(record, context_of(facts), data, flags=flags_of(bits), within=done)


def test_created(tap: Tap, tmpfs: Path, bits: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    facts = act("umask=077", f"open={flags}:{0o4751}:{tmpfs}/new", bits=bits)["open"]
    tap.collect()
    record = tap.one("open", facts["tgid"], filename=f"{tmpfs}/new")
    data = fields_of(facts, f"{tmpfs}/new", f"{tmpfs}/new", flags, bits, mode=0o4751)
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_symbolic_link(tap: Tap, tmpfs: Path, bits: int) -> None:
    (tmpfs / "file").touch()
    (tmpfs / "link").symlink_to("file")
    facts = act(f"open=0:0:{tmpfs}/link", bits=bits)["open"]
    tap.collect()
    record = tap.one("open", facts["tgid"], filename=f"{tmpfs}/link")
    tap.check(
        record,
        context_of(facts),
        fields_of(facts, f"{tmpfs}/link", f"{tmpfs}/file", 0, bits),
        flags=flags_of(bits),
    )


@pytest.mark.parametrize("resolve", [RESOLVE_NO_XDEV | RESOLVE_BENEATH, RESOLVE_IN_ROOT | 0x06])
def test_openat2(tap: Tap, tmpfs: Path, bits: int, resolve: int) -> None:
    (tmpfs / "file").touch()
    facts = act(f"openat2=0:0:{resolve}:file", bits=bits, cwd=tmpfs)["openat2"]
    assert facts["result"] >= 0
    tap.collect()
    record = tap.one("open", facts["tgid"], filename="file")
    # Which is for both a large file.
    data = fields_of(facts, "file", f"{tmpfs}/file", 0, 64, resolve=resolve)
    tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_refused(tap: Tap, tmpfs: Path, bits: int) -> None:
    (tmpfs / "secret").touch(mode=0o600)
    steps = ["groups=1", "ids=1:1:1:1:1:1", f"open=0:0:{tmpfs}/secret"]
    denied = act(*steps, bits=bits)["open"]
    missing = act(f"open=0:0:{tmpfs}/missing", bits=bits)["open"]
    assert (denied["result"], missing["result"]) == (-13, -2)
    tap.collect()
    for facts, name in ((denied, "secret"), (missing, "missing")):
        record = tap.one("open", facts["tgid"], filename=f"{tmpfs}/{name}")
        data = fields_of(facts, f"{tmpfs}/{name}", None, 0, bits)
        tap.check(record, context_of(facts), data, flags=flags_of(bits))


def test_exec_is_no_open(tap: Tap, tmpfs: Path) -> None:
    """What exec opens is told by its own event."""
    done = act("facts")
    tap.collect()
    assert not [record for record in tap.of("open", done.pid) if record.filename == done["facts"]["exe"]]
