# SPDX-License-Identifier: GPL-2.0-only
"""Event 802."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acting import COMPAT, NASTY, REREAD, Facts, Tap, act, context_of, waiting

EVENTS = ["namespace"]

FILES, NEWNS, NEWUTS, NEWNET = 0x400, 0x20000, 0x4000000, 0x40000000
UNSHARE, SETNS, PIVOT_ROOT, CHROOT = 1, 2, 3, 4
EPERM, ENOENT, EINVAL, EBADF = 1, 2, 22, 9


@pytest.fixture
def root(tmpfs: Path) -> Iterator[Path]:
    """A folder with a /proc, in which the acting program finds what it says about itself."""
    path = tmpfs / NASTY
    (path / "proc").mkdir(parents=True)
    subprocess.run(["mount", "-t", "proc", "proc", path / "proc"], check=True)
    yield path
    subprocess.run(["umount", path / "proc"], check=True)


def check(tap: Tap, facts: Facts, bits: int, marks: int = 0, exe: str | None = None, **data: Any) -> None:
    tap.collect()
    expected = {"flags": None, "target": None, "target_ns": None, "result": facts["result"], **data}
    context = context_of(facts, **({} if exe is None else {"exe": exe}))
    record = tap.one("namespace", facts["tgid"])
    tap.check(record, context, expected, flags=marks | (COMPAT if bits == 32 else 0))


def test_unshare(tap: Tap, bits: int) -> None:
    """The context has the new ones."""
    facts = act(f"newspaces={NEWNET | NEWNS}", bits=bits)["newspaces"]
    assert facts["result"] == 0 and facts["net_ns"] != os.stat("/proc/self/ns/net").st_ino
    check(tap, facts, bits, kind=UNSHARE, flags=NEWNET | NEWNS)


def test_refused_unshare(tap: Tap, bits: int) -> None:
    done = act("groups=1", "ids=1:1:1:1:1:1", f"newspaces={NEWUTS | FILES}", bits=bits)
    assert done["newspaces"]["result"] == -EPERM
    check(tap, done["newspaces"], bits, kind=UNSHARE, flags=NEWUTS | FILES)


def test_setns(tap: Tap, bits: int) -> None:
    other = waiting("unshare=net", "ready")
    number = other.facts["net_ns"]
    facts = act(f"setns={NEWNET}:/proc/{other.process.pid}/ns/net", bits=bits)["setns"]
    other.go()
    assert facts["result"] == 0 and facts["net_ns"] == number
    check(tap, facts, bits, kind=SETNS, flags=NEWNET, target=f"net:[{number}]", target_ns=number)


def test_setns_to_those_of_a_process(tap: Tap, bits: int) -> None:
    facts = act(f"pidfd={NEWNET | NEWUTS}:1", bits=bits)["pidfd"]
    assert facts["result"] == 0
    check(tap, facts, bits, kind=SETNS, flags=NEWNET | NEWUTS, target="anon_inode:[pidfd]")


def test_refused_setns(tap: Tap, bits: int) -> None:
    """Of another kind than asked for; and what is no namespace at all."""
    number = os.stat("/proc/self/ns/net").st_ino
    facts = act(f"setns={NEWUTS}:/proc/self/ns/net", bits=bits)["setns"]
    assert facts["result"] == -EINVAL
    check(tap, facts, bits, kind=SETNS, flags=NEWUTS, target=f"net:[{number}]", target_ns=number)
    facts = act("setns=0:/dev/null", bits=bits)["setns"]
    assert facts["result"] == -EINVAL
    check(tap, facts, bits, kind=SETNS, flags=0, target="/dev/null")
    facts = act("setns=0:/no/such/file", bits=bits)["setns"]
    assert facts["result"] == -EBADF
    check(tap, facts, bits, kind=SETNS, flags=0)


def test_chroot(tap: Tap, root: Path, bits: int) -> None:
    """The path of the new root, whatever the program called it."""
    done = act("facts", f"chroot={NASTY}/proc/..", bits=bits, cwd=root.parent)
    assert done["chroot"]["result"] == 0
    check(tap, done["chroot"], bits, exe=done["facts"]["exe"], kind=CHROOT, target=str(root))


def test_refused_chroot(tap: Tap, tmpfs: Path, bits: int) -> None:
    facts = act(f"chroot=none{NASTY}", bits=bits, cwd=tmpfs)["chroot"]
    assert facts["result"] == -ENOENT
    check(tap, facts, bits, REREAD, kind=CHROOT, target=f"none{NASTY}")


def test_pivot_root(tap: Tap, root: Path, bits: int) -> None:
    (root / "old").mkdir()
    steps = ("unshare=mnt", "private", "facts", f"bindself={root}", f"chdir={root}", "pivot_root=.:old")
    done = act(*steps, bits=bits)
    facts = done["pivot_root"]
    assert facts["result"] == 0
    tap.collect()
    expected = {"kind": PIVOT_ROOT, "flags": None, "target": str(root), "target_ns": None, "result": 0}
    record = tap.one("namespace", facts["tgid"], kind=PIVOT_ROOT)
    context = context_of(facts, exe=done["facts"]["exe"])
    tap.check(record, context, expected, flags=COMPAT if bits == 32 else 0)


def test_refused_pivot_root(tap: Tap, tmpfs: Path, bits: int) -> None:
    """To what is no mount point, and to what does not exist."""
    (tmpfs / "d" / "old").mkdir(parents=True)
    facts = act("pivot_root=d:d/old", bits=bits, cwd=tmpfs)["pivot_root"]
    assert facts["result"] == -EINVAL
    check(tap, facts, bits, kind=PIVOT_ROOT, target=f"{tmpfs}/d")
    facts = act(f"pivot_root=none{NASTY}:d", bits=bits, cwd=tmpfs)["pivot_root"]
    assert facts["result"] == -ENOENT
    check(tap, facts, bits, REREAD, kind=PIVOT_ROOT, target=f"none{NASTY}")


def test_not_recorded(tap: Tap, bits: int) -> None:
    """What unshares no namespace."""
    facts = act(f"newspaces={FILES}", bits=bits)["newspaces"]
    assert facts["result"] == 0
    tap.collect()
    assert not tap.of("namespace", facts["tgid"])
