# SPDX-License-Identifier: GPL-2.0-only
"""Event 1."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from acting import COMPAT, NASTY, OVERLAY, REREAD, Facts, Tap, act, context_of

EVENTS = ["write"]

EFBIG = 27


def check(tap: Tap, facts: Facts, bits: int, flags: int = REREAD, **data: Any) -> None:
    tap.collect()
    record = tap.one("write", facts["tgid"])
    tap.check(record, context_of(facts), data, flags=flags | (COMPAT if bits == 32 else 0))


@pytest.mark.parametrize("where", ["tmpfs", "disk", "overlay"])
def test_write(tap: Tap, request: pytest.FixtureRequest, bits: int, where: str) -> None:
    path = request.getfixturevalue(where) / f"{bits}{NASTY}"
    path.touch()
    text = f"{NASTY}:x"
    facts = act(f"write=0:{path.name}:{text}", bits=bits, cwd=path.parent)["write"]
    assert facts["result"] == len(os.fsencode(text)) == path.stat().st_size
    flags = REREAD | (OVERLAY if where == "overlay" else 0)
    check(tap, facts, bits, flags, path=str(path), offset=0, count=facts["result"], content=text)


def test_the_first_256_bytes(tap: Tap, disk: Path, bits: int) -> None:
    """Somewhere in the file."""
    path = disk / f"at{bits}"
    path.touch()
    text = "".join(f"{number:04}" for number in range(1500))
    facts = act(f"pwrite={5 << 30}:{path}:{text}", bits=bits)["pwrite"]
    assert facts["result"] == 6000
    check(tap, facts, bits, path=str(path), offset=5 << 30, count=6000, content=text[:256])


def test_appended(tap: Tap, tmpfs: Path, bits: int) -> None:
    path = tmpfs / "log"
    path.write_bytes(b"12345")
    facts = act(f"write={os.O_APPEND}:{path}:678", bits=bits)["write"]
    assert path.read_bytes() == b"12345678"
    check(tap, facts, bits, path=str(path), offset=5, count=3, content="678")


def test_gathered(tap: Tap, tmpfs: Path, bits: int) -> None:
    """From two places in memory."""
    path = tmpfs / "v"
    path.touch()
    facts = act(f"writev={path}:one{'1' * 200}:two{'2' * 200}", bits=bits)["writev"]
    assert facts["result"] == 406
    content = f"one{'1' * 200}two{'2' * 200}"[:256]
    check(tap, facts, bits, path=str(path), offset=0, count=406, content=content)


def test_sent(tap: Tap, tmpfs: Path, bits: int) -> None:
    """What never was in the program's memory."""
    (tmpfs / "from").write_bytes(b"from file to file")
    (tmpfs / "to").touch()
    facts = act(f"sendfile={tmpfs}/from:{tmpfs}/to", bits=bits)["sendfile"]
    assert facts["result"] == 17
    check(tap, facts, bits, 0, path=f"{tmpfs}/to", offset=0, count=17, content="from file to file")


def test_what_is_not_there(tap: Tap, tmpfs: Path, bits: int) -> None:
    """From an address that nothing is at."""
    path = tmpfs / "file"
    path.touch()
    facts = act(f"badwrite=100:{path}", bits=bits)["badwrite"]
    assert facts["result"] == -14
    check(tap, facts, bits, path=str(path), offset=0, count=100, content=None)


def test_not_recorded(tap: Tap, tmpfs: Path, bits: int) -> None:
    """What is no regular file, nothing, or a file that was not opened for it."""
    path = tmpfs / "file"
    path.touch()
    done = act("write=0:/dev/null:x", f"pwrite=0:{path}:", f"sendfile={path}:/dev/null", bits=bits)
    assert (done["write"]["result"], done["pwrite"]["result"]) == (1, 0)
    tap.collect()
    assert not tap.of("write", done["write"]["tgid"])
