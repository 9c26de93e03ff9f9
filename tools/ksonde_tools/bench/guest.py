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
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import IO

from ksonde_tools.common import ToolError

QEMU = "qemu-system-x86_64"
MACHINE = "-accel tcg -icount shift=0,sleep=off -smp 1 -cpu max -nic none -m 1G".split()
CONSOLE = "-nodefaults -no-user-config -display none -serial stdio -no-reboot".split()
# Without clearcpuid (REP_GOOD, ERMS, FSRM) each byte of a "rep" string instruction counts as one instruction.
CLEARED = "mitigations=off clearcpuid=112,297,580"
COMMAND_LINE = f"console=ttyS0 quiet panic=-1 panic_on_warn=1 oops=panic nokaslr {CLEARED}"

# What of Python's library the reader does not need.
_SKIP = re.compile(
    r"test|idlelib|tkinter|turtledemo|lib2to3|ensurepip|pydoc_data|site-packages|dist-packages|config-.*|.*\.a"
)


class Initramfs:
    """Writes a cpio archive of the "newc" kind, file by file."""

    def __init__(self, out: IO[bytes]) -> None:
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


def _library() -> dict[Path, str]:
    """Python's own files, and the paths that they get."""
    root = Path(sysconfig.get_path("stdlib"))
    tops = [top for top in root.iterdir() if not _SKIP.fullmatch(top.name)]
    files = [path for top in tops for path in (top.rglob("*") if top.is_dir() else [top])]
    return {path: str(path) for path in sorted(files) if path.is_file()}


def _packages(name: str, seen: set[str]) -> dict[Path, str]:
    """The files of what an installed distribution requires, itself apart, and their paths in the guest."""
    files: dict[Path, str] = {}
    for requirement in metadata.requires(name) or []:
        found = re.match(r"[A-Za-z0-9._-]+", requirement)
        required = found[0].lower() if found else ""
        if "extra ==" in requirement or required in seen:
            continue
        seen.add(required)
        try:
            distribution = metadata.distribution(required)
        except metadata.PackageNotFoundError:  # of another platform or Python
            continue
        for entry in distribution.files or []:
            path = Path(str(distribution.locate_file(entry)))
            if ".." not in entry.parts and path.is_file():
                files[path] = f"/site/{entry}"
        files.update(_packages(required, seen))
    return files


def _linked(binaries: Iterable[Path]) -> set[Path]:
    """Shared libraries that they are linked with, the loader included."""
    found: set[Path] = set()
    for binary in binaries:
        listing = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False).stdout
        found.update(Path(path) for path in re.findall(r"(/\S+) \(0x", listing))
    return found


def add_python(archive: Initramfs, userland: Path) -> str:
    """Add Python, ksonde and what that requires; return the shell words that start it."""
    interpreter = Path(sys.executable).resolve()
    files = {interpreter: str(interpreter), **_library(), **_packages("ksonde", set())}
    files.update({path: f"/userland/{path.relative_to(userland)}" for path in userland.rglob("*.py")})
    for path in _linked(path for path in files if path == interpreter or ".so" in path.suffixes):
        files[path] = str(path)
    for path, name in files.items():
        archive.copy(path, name)
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
        raise ToolError(f"the guest did not end within {timeout:.0f} s")
    if qemu.returncode != 0:
        raise ToolError(f"{QEMU} ended with {qemu.returncode}")
