# SPDX-License-Identifier: GPL-2.0-only
"""Builds the driver, and small modules for tests, out of the tree and into the cache."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from .common import ROOT, ToolError, cache_dir, clone_id, lock, say
from .kernel import Kernel

#: What the driver is built from.
DRIVER = ("Kbuild", "driver")
_SOURCES = {".c", ".h", ".def", ".S", ".lds"}
_FLAGS = ("W=1", "KCFLAGS=-Werror")
_SPARSE = ("C=2", "CF=-D__CHECK_ENDIAN__ -Wsparse-error")


def build_driver(kernel: Kernel, *, sparse: bool = False) -> Path:
    """Return ksonde.ko for a kernel, built anew when a source has changed; checked by sparse on demand."""
    ko = "driver/LKM/ksonde.ko"
    if sparse:
        return build(kernel, ROOT, DRIVER, "driver-sparse", ko, _FLAGS + _SPARSE)
    return build(kernel, ROOT, DRIVER, "driver", ko)


def build_small(kernel: Kernel, folder: Path) -> Path:
    """Build a folder with a Kbuild of one module; return where its .ko files are."""
    names = tuple(path.name for path in folder.iterdir() if _is_source(path))
    return build(kernel, folder, names, folder.name, "modules.order").parent


def build(
    kernel: Kernel,
    tree: Path,
    names: tuple[str, ...],
    label: str,
    result: str,
    flags: tuple[str, ...] = _FLAGS,
) -> Path:
    """Build the module made of `names` below `tree`; return the path of `result`."""
    sources = _sources(tree, names)
    if not sources:
        raise ToolError(f"{tree} has no module's sources", "is this a whole clone?")
    home = cache_dir() / "build" / kernel.version / f"{label}-{clone_id()}"
    wanted = _digest(kernel, sources, flags)
    stamp = home / "stamp"
    with lock(f"build-{label}-{kernel.version}-{clone_id()}"):
        if not (stamp.exists() and stamp.read_text() == wanted and (home / "src" / result).exists()):
            stamp.unlink(missing_ok=True)
            _copy(sources, home / "src")
            say(f"building {label} for kernel {kernel.version}")
            _make(kernel, home, label, flags)
            stamp.write_text(wanted)
    return home / "src" / result


def _is_source(path: Path) -> bool:
    return path.is_file() and (path.suffix in _SOURCES or path.name in {"Kbuild", "Makefile"})


def _sources(tree: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name in names:
        top = tree / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if _is_source(path) and not path.name.endswith(".mod.c"):
                found[str(path.relative_to(tree))] = path.read_bytes()
    return found


def _digest(kernel: Kernel, sources: dict[str, bytes], flags: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    symbols = kernel.build / "Module.symvers"
    digest.update(
        f"{kernel.build.resolve()} {symbols.stat().st_mtime_ns} {flags}{kernel.make}{kernel.quiet}".encode()
    )
    for name, content in sources.items():
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _copy(sources: dict[str, bytes], target: Path) -> None:
    """Make target hold these sources, touching only what differs, so that make builds only that."""
    if target.exists():
        for path in list(target.rglob("*")):
            stale = str(path.relative_to(target)) not in sources
            if stale and _is_source(path) and not path.name.endswith(".mod.c"):
                path.unlink()
    for name, content in sources.items():
        path = target / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def make_command(kernel: Kernel, source: Path) -> list[str]:
    """Return the make call that builds the module in `source`."""
    return [
        *kernel.prefix,
        "make",
        "-C",
        str(kernel.build),
        f"M={source}",
        f"-j{os.cpu_count() or 1}",
        "CONFIG_DEBUG_INFO_BTF_MODULES=",
        *kernel.make,
    ]


def _make(kernel: Kernel, home: Path, label: str, flags: tuple[str, ...]) -> None:
    for tool in ("make", "gcc"):
        if shutil.which(tool) is None:
            raise ToolError(f"there is no {tool}", f"apt-get install {tool}")
    log = home / "log"
    with log.open("wb") as file:
        quiet = " ".join(kernel.quiet)
        words = [f"{flag} {quiet}".strip() if flag.startswith("KCFLAGS=") else flag for flag in flags]
        command = [*make_command(kernel, home / "src"), *words]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False)
    text = log.read_text(errors="replace").replace(f"{home}/src/", "")
    complaint = re.search(
        r"^.*(?:\b[Ee]rror\b|\bERROR\b|\*\*\*|\bWARNING:|: warning:).*$", text, re.MULTILINE
    )
    if done.returncode != 0 or complaint:
        reason = complaint.group(0).strip() if complaint else "make failed"
        raise ToolError(f"{label} does not build for kernel {kernel.version}: {reason}", f"all of it: {log}")
