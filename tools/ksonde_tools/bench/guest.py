# SPDX-License-Identifier: GPL-2.0-only
"""The guest of the benchmarks: one kernel, one initramfs, and a clock that counts instructions.

QEMU's ``-icount shift=0,sleep=off`` lets every guest instruction take one nanosecond, whatever else the
host does.  All that the guest needs lies in its memory: a wait for a disk would warp that clock.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

QEMU = "qemu-system-x86_64"
MACHINE = "-accel tcg -icount shift=0,sleep=off -smp 1 -cpu max -nic none -m 1G".split()
CONSOLE = "-nodefaults -no-user-config -display none -serial stdio -no-reboot".split()
# Without clearcpuid (REP_GOOD, ERMS, FSRM) each byte of a "rep" string instruction counts as one instruction.
COMMAND_LINE = (
    "console=ttyS0 quiet panic=-1 panic_on_warn=1 oops=panic mitigations=off nokaslr clearcpuid=112,297,580"
)

# What of Python's library and of the virtual environment the reader does not need.
_SKIP_LIBRARY = re.compile(
    r"test|idlelib|tkinter|turtledemo|lib2to3|ensurepip|pydoc_data|site-packages|dist-packages|config-.*"
)
_SKIP_PACKAGES = re.compile(
    r"pip|setuptools|pkg_resources|_distutils_hack|mypy|mypyc|pytest|_pytest|hypothesis|ruff|coverage|codespell|"
    r"virtme|pygments|.*__mypyc.*|.*\.pth$"
)
_SKIP_NOTHING = re.compile(r"(?!)")


class GuestFailed(Exception):
    """The guest did not do what it should; its console's end is the message."""


class Initramfs:
    """Writes a cpio archive of the "newc" kind, file by file."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._inode = 0
        self._known: set[str] = set()

    def add(self, name: str, mode: int, data: bytes = b"", mtime: int = 0) -> None:
        """One entry; the directories above it are made as needed."""
        name = name.strip("/")
        if name in self._known:
            return
        parent, slash, _ = name.rpartition("/")
        if slash:
            self.add(parent, stat.S_IFDIR | 0o755)
        self._known.add(name)
        self._write(name, mode, data, mtime)

    def _write(self, name: str, mode: int, data: bytes, mtime: int) -> None:
        self._inode += 1
        raw = os.fsencode(name) + b"\0"
        numbers = (self._inode, mode, 0, 0, 1, mtime, len(data), 0, 0, 0, 0, len(raw), 0)
        head = b"070701" + b"".join(b"%08x" % n for n in numbers) + raw
        self._out.write(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))

    def copy(self, source: Path, name: str | None = None) -> None:
        """A file of the host, by its own path or another; a link becomes what it leads to."""
        status = source.stat()
        self.add(name or str(source), status.st_mode, source.read_bytes(), int(status.st_mtime))

    def finish(self) -> None:
        """Closes the archive."""
        self._write("TRAILER!!!", 0, b"", 0)


def _files(root: Path, skip: re.Pattern[str]) -> Iterator[Path]:
    """Files below root, but for top-level names that are skipped."""
    for top in sorted(root.iterdir()):
        if skip.fullmatch(top.name):
            continue
        if top.is_dir():
            yield from sorted(p for p in top.rglob("*") if p.is_file())
        elif top.is_file():
            yield top


def _libraries(binaries: list[Path]) -> set[Path]:
    """Shared libraries that they are linked with, the loader included."""
    found: set[Path] = set()
    for binary in binaries:
        listing = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False).stdout
        found.update(Path(path) for path in re.findall(r"(/\S+) \(0x", listing))
    return found


def add_python(archive: Initramfs, userland: Path) -> str:
    """This interpreter with its library, its packages and ksonde; the shell words that start it."""
    interpreter = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    packages = Path(sysconfig.get_path("purelib"))
    binaries = [interpreter]
    for root, skip, at in (
        (library, _SKIP_LIBRARY, str(library)),
        (packages, _SKIP_PACKAGES, "/site"),
        (userland, _SKIP_NOTHING, "/userland"),
    ):
        for path in _files(root, skip):
            archive.copy(path, f"{at}/{path.relative_to(root)}")
            if ".so" in path.name:
                binaries.append(path)
    archive.copy(interpreter)
    for path in _libraries(binaries):
        archive.copy(path)
    return f"PYTHONPATH=/userland:/site {interpreter} -S"


def boot(kernel: Path, initramfs: Path, *, timeout: float, extra: tuple[str, ...] = ()) -> Iterator[str]:
    """Lines of the guest's console until it is off."""
    command = [QEMU, *MACHINE, *CONSOLE, "-kernel", str(kernel), "-initrd", str(initramfs)]
    command += ["-append", COMMAND_LINE, *extra]
    with subprocess.Popen(
        ["timeout", str(timeout), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as qemu:
        assert qemu.stdout is not None
        for line in qemu.stdout:
            yield line.rstrip()
    if qemu.returncode == 124:
        raise GuestFailed(f"the guest did not end within {timeout:.0f} s")
    if qemu.returncode != 0:
        raise GuestFailed(f"{QEMU} ended with {qemu.returncode}")
