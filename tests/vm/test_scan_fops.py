# SPDX-License-Identifier: GPL-2.0-only
"""Tables of operations: the part "fops" of ksonde scan."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from acting import TESTS
from ksonde import integrity
from ksonde.inspection import Finding

#: By what the fixture does: where, what, and the symbol of the code or table that is found.
CHANGED = {
    "proc": (
        "/proc proc_root_operations.iterate_shared",
        "the slot of the kernel's table has code of a module",
        "ksonde_fops_iterate",
    ),
    "tcp": (
        "/proc/net/tcp tcp4_seq_ops.show",
        "the slot of the kernel's table has code of a module",
        "ksonde_fops_show",
    ),
    "table": (
        "/proc proc_root_operations",
        "the table that is used is another one than the kernel's",
        "copy",
    ),
}


@contextmanager
def fixture(which: str) -> Iterator[None]:
    subprocess.run(["insmod", TESTS / "ksonde_fops.ko", f"which={which}"], check=True)
    try:
        yield
    finally:
        subprocess.run(["rmmod", "ksonde_fops"], check=True)


def part() -> integrity.Part:
    parts = {part.name: part for part in integrity.scan(whole=False)}
    assert not [one.name for one in parts.values() if one.findings and one.name != "fops"]
    return parts["fops"]


def finding() -> Finding:
    (found,) = part().findings
    return found


def test_a_clean_kernel() -> None:
    clean = part()
    assert (clean.findings, clean.why) == ((), "")
    assert clean.checked > 200


@pytest.mark.parametrize("which", CHANGED)
def test_a_table(which: str) -> None:
    where, what, symbol = CHANGED[which]
    with fixture(which):
        # It does what it did.
        assert str(os.getpid()) in os.listdir("/proc")
        assert "local_address" in Path("/proc/net/tcp").read_text()
        found = finding()
        assert (found.event, found.where, found.what) == (700, where, what)
        assert found.place is not None
        assert (found.place.symbol, found.place.offset) == (symbol, 0)
        assert (found.place.module, found.place.kernel) == ("ksonde_fops", False)
        assert f" {symbol}\t[ksonde_fops]\n" in Path("/proc/kallsyms").read_text()
    assert part().findings == ()


def test_code_that_nobody_owns() -> None:
    with fixture("nobody"):
        found = finding()
        assert (found.event, found.where) == (700, "a TCP socket inet_stream_ops.mmap")
        assert found.what == "the slot has code that nobody owns"
        assert found.place is not None
        assert (found.place.symbol, found.place.module, found.place.kernel) == ("", "", False)
    assert part().findings == ()


def test_another_root(tmp_path: Path) -> None:
    """Where there is no /proc the kernel's own tables are looked at all the same, and that is said."""
    script = "import os, sys; from ksonde import integrity, inspection\n"
    script += "from ksonde.device import Device; device = Device()\n"
    script += "from ksonde.uapi import Inspect; parts = device.inspect(Inspect.INTEGRITY, 0)['parts']\n"
    script += "os.chroot(sys.argv[1]); os.chdir('/')\n"
    script += "found = [device.inspect(Inspect.INTEGRITY, number) for number in range(parts)]\n"
    script += "part, = [one for one in found if one['part'] == 'fops']\n"
    script += "print(part['findings'], part['checked'] > 50, part['why'])"
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[] True not all of /proc, /sys, /dev and /etc are there\n"
