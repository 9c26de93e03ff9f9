# SPDX-License-Identifier: GPL-2.0-only
"""Event 165."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from acting import COMPAT, NASTY, REREAD, Facts, Tap, act, context_of, file_device

EVENTS = ["mount"]

RDONLY, NOSUID, NODEV, BIND, REC, RELATIME = 1, 2, 4, 4096, 16384, 1 << 21
#: Attributes of a mount, and flags of open_tree(2), as they have them.
ATTR_NOSUID, ATTR_NODEV, CLONE, RECURSIVE = 2, 4, 1, 0x8000
MOUNT, MOVED, MADE, OPTION, CHANGED, COPIED = range(1, 7)


def fields_of(kind: int, **data: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(("source", "target", "type", "options", "device"))
    return {**nothing, "flags": 0, "kind": kind, **data}


def check(tap: Tap, facts: Facts, bits: int, *expected: dict[str, Any]) -> None:
    """All records of a process, in their order."""
    tap.collect()
    records = tap.of("mount", facts["tgid"])
    assert [record.kind for record in records] == [data["kind"] for data in expected]
    for record, data in zip(records, expected):
        flags = (COMPAT if bits == 32 else 0) | (REREAD if data["kind"] == COPIED else 0)
        tap.check(record, context_of(facts), data, flags=flags)


def test_mount(tap: Tap, place: Path, bits: int) -> None:
    facts = act(f"mount={NASTY}:tmpfs:{NODEV}:mode=700:{place}", bits=bits)["mount"]
    assert facts["result"] == 0
    tap.collect()
    record = tap.one("mount", facts["tgid"])
    subprocess.run(["umount", place], check=True)
    given = {"source": NASTY, "target": str(place), "type": "tmpfs", "flags": NODEV, "options": "mode=700"}
    data = fields_of(MOUNT, **given)
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
    data = fields_of(MOUNT, source="from", target=f"{tmpfs}/to", flags=BIND | REC)
    tap.check(record, context_of(facts), data, flags=COMPAT if bits == 32 else 0)


def test_not_recorded(tap: Tap, place: Path, bits: int) -> None:
    """The kernel asks nobody about a target that is not there."""
    missing = act(f"mount=x:tmpfs:0::{place}/none", bits=bits)["mount"]
    assert missing["result"] == -2
    tap.collect()
    assert not tap.of("mount", missing["tgid"])


def test_new_mount(tap: Tap, place: Path, bits: int) -> None:
    """Step by step; the last one knows the file system, and where it was put."""
    where = place / NASTY
    where.mkdir()
    options = f"source={NASTY},mode=0700,ro,size=1m"
    facts = act(f"newmount=tmpfs:{options}:{ATTR_NOSUID | ATTR_NODEV}:{where}", bits=bits)["newmount"]
    assert facts["result"] == 0
    device = file_device(where)
    subprocess.run(["umount", where], check=True)
    known = {"type": "tmpfs", "source": NASTY}
    check(
        tap,
        facts,
        bits,
        fields_of(OPTION, type="tmpfs", options=f"source={NASTY}"),
        fields_of(OPTION, **known, options="mode=0700"),
        fields_of(OPTION, **known, options="ro"),
        fields_of(OPTION, **known, options="size=1m", flags=RDONLY),
        fields_of(MADE, **known, flags=RDONLY, device=device),
        fields_of(MOVED, type="tmpfs", target=str(where), flags=NOSUID | NODEV | RELATIME, device=device),
    )


def test_changed(tap: Tap, tmpfs: Path, bits: int) -> None:
    device = file_device(tmpfs)
    facts = act(f"readonly={tmpfs}", bits=bits)["readonly"]
    assert facts["result"] == 0
    known = {"type": "tmpfs", "device": device}
    check(
        tap,
        facts,
        bits,
        fields_of(OPTION, **known, options="ro"),
        fields_of(CHANGED, **known, flags=RDONLY),
    )


def test_copied(tap: Tap, tmpfs: Path, bits: int) -> None:
    """A tree of mounts, by a name that goes around; then it is put elsewhere."""
    (tmpfs / f"from{NASTY}").mkdir()
    (tmpfs / "to").mkdir()
    name = f"to/../from{NASTY}"
    facts = act(f"opentree={CLONE | RECURSIVE}:{name}:to", bits=bits, cwd=tmpfs)["opentree"]
    assert facts["result"] >= 0
    subprocess.run(["umount", tmpfs / "to"], check=True)
    known = {"type": "tmpfs", "device": file_device(tmpfs)}
    check(
        tap,
        facts,
        bits,
        fields_of(COPIED, **known, source=name, flags=BIND | REC),
        fields_of(MOVED, **known, target=f"{tmpfs}/to", flags=RELATIME),
    )


def test_moved(tap: Tap, tmpfs: Path, bits: int) -> None:
    """From one place to another one, in a namespace where that is allowed."""
    for name in ("from", "to"):
        (tmpfs / name).mkdir()
    steps = ["unshare=mnt", "private", f"bindself={tmpfs}/from", f"movemount={tmpfs}/from:{tmpfs}/to"]
    facts = act(*steps, bits=bits)["movemount"]
    assert facts["result"] == 0
    tap.collect()
    record = tap.one("mount", facts["tgid"], kind=MOVED)
    known = {"type": "tmpfs", "device": file_device(tmpfs)}
    data = fields_of(MOVED, **known, source=f"{tmpfs}/from", target=f"{tmpfs}/to", flags=RELATIME)
    tap.check(record, context_of(facts), data, flags=COMPAT if bits == 32 else 0)


def test_no_copy_is_made(tap: Tap, tmpfs: Path, bits: int) -> None:
    """A descriptor only, and what is refused."""
    opened = act(f"opentree=0:{tmpfs}:", bits=bits)["opentree"]
    assert opened["result"] >= 0
    refused = act(f"opentree={CLONE}:{tmpfs}/none:", bits=bits)["opentree"]
    assert refused["result"] == -2
    check(tap, opened, bits)
    assert not tap.of("mount", refused["tgid"])
