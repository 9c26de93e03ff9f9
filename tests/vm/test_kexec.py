# SPDX-License-Identifier: GPL-2.0-only
"""Event 805: nothing is loaded, what there is may be unloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from acting import NASTY, REREAD, TRUNCATED, Facts, Tap, act, context_of, flags_of

EVENTS = ["kexec"]

LOAD, FILE_LOAD = 1, 2
X86_64 = 62 << 16
UNLOAD, ON_CRASH, NO_INITRAMFS = 1, 2, 4
EPERM, EBADF, EINVAL = 1, 9, 22
NOBODY = "ids=65534:65534:65534:65534:65534:65534"


def check(tap: Tap, facts: Facts, flags: int, **data: Any) -> None:
    tap.collect()
    nothing = dict.fromkeys(("entry", "segments", "kernel", "initrd", "command_line"))
    record = tap.one("kexec", facts["tgid"])
    tap.check(record, context_of(facts), {**nothing, "result": facts["result"], **data}, flags=flags)


def test_by_segments(tap: Tap, bits: int) -> None:
    """Too many; and none, which unloads what there may be."""
    facts = act(f"kexecload=0x1234:17:{X86_64}", bits=bits)["kexecload"]
    assert facts["result"] == -EINVAL
    check(tap, facts, flags_of(bits), kind=LOAD, kexec_flags=X86_64, entry=0x1234, segments=17)
    facts = act(f"kexecload=0:0:{X86_64}", bits=bits)["kexecload"]
    assert facts["result"] == 0
    check(tap, facts, flags_of(bits), kind=LOAD, kexec_flags=X86_64, entry=0, segments=0)


def test_not_allowed(tap: Tap, bits: int) -> None:
    facts = act(NOBODY, "kexecload=0:1:1", bits=bits)["kexecload"]
    assert facts["result"] == -EPERM
    check(tap, facts, flags_of(bits), kind=LOAD, kexec_flags=ON_CRASH >> 1, entry=0, segments=1)


def test_by_files(tap: Tap, place: Path) -> None:
    """The 32-bit ABI has no such call."""
    kernel, initrd = place / f"kernel{NASTY}", place / f"initrd{NASTY}"
    kernel.write_bytes(b"no kernel" * 100)
    initrd.write_bytes(b"no initrd")
    line = f"quiet {NASTY}"
    facts = act(f"kexecfile={ON_CRASH}:{kernel}:{initrd}:{line}")["kexecfile"]
    assert facts["result"] < 0
    names = {"kernel": str(kernel), "initrd": str(initrd), "command_line": line}
    check(tap, facts, REREAD, kind=FILE_LOAD, kexec_flags=ON_CRASH, **names)
    facts = act(f"kexecfile={NO_INITRAMFS}:{kernel}::{'x' * 5000}")["kexecfile"]
    assert facts["result"] < 0
    names = {"kernel": str(kernel), "command_line": "x" * 4096}
    check(tap, facts, REREAD | TRUNCATED, kind=FILE_LOAD, kexec_flags=NO_INITRAMFS, **names)


def test_without_files(tap: Tap) -> None:
    facts = act("kexecfile=0:/no/such/file::")["kexecfile"]
    assert facts["result"] == -EBADF
    check(tap, facts, 0, kind=FILE_LOAD, kexec_flags=0)
    facts = act(f"kexecfile={UNLOAD}:::")["kexecfile"]
    assert facts["result"] == 0
    check(tap, facts, 0, kind=FILE_LOAD, kexec_flags=UNLOAD)


def test_files_not_allowed(tap: Tap, place: Path) -> None:
    facts = act(NOBODY, "kexecfile=0:/etc/passwd::")["kexecfile"]
    assert facts["result"] == -EPERM
    check(tap, facts, 0, kind=FILE_LOAD, kexec_flags=0, kernel="/etc/passwd")
