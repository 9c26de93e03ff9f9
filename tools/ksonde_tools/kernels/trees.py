# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that no mirror offers: built from sources that somebody has put into the cache.

`trees/SERIES` of the cache holds the sources of a kernel; nothing is fetched here, and nothing is
changed there: the kernel is built beside it, with the options of tools/guest/tree.config.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ksonde_tools.common import ROOT, ToolError, cache_dir, first_line, lock, say
from ksonde_tools.kernel import Kernel

from .need import need
from .rows import Row
from .source import TOOLS

_OPTIONS = ROOT / "tools/guest/tree.config"
_HEADERS = {"libelf-dev": "gelf.h", "libssl-dev": "openssl/ssl.h"}
_IMAGE = "arch/x86/boot/bzImage"
#: Host programs of old kernels define one variable in several files.
_HOSTCC = "HOSTCC={} -fcommon"
#: What those before v5.15 do not know: a file with weak functions only, after an assembler of these days.
_QUIRKS = ("KCFLAGS=-w", "CFLAGS_REMOVE_elfcore.o=-pg")


@dataclass(frozen=True)
class Tree(Row):
    """A kernel whose sources are in the cache, or not."""

    #: Whose kernel it is.
    origin: str = "upstream"
    #: Warnings of compilers newer than the kernel, about its own headers.
    quiet: tuple[str, ...] = ()
    #: Options beside those of tools/guest/tree.config, which it does not build with.
    options: tuple[str, ...] = ()


_OLD = ("-Wno-cast-function-type", "-Wno-missing-attributes", "-Wno-implicit-fallthrough")


def _tree(series: str, origin: str, quiet: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> Tree:
    return Tree(f"tree-{series}", "amd64", series, "", (), origin=origin, quiet=quiet, options=options)


TREES = (
    _tree("4.14", "upstream", (*_OLD, "-Wno-array-bounds")),
    _tree(
        "el8-4.18",
        "RHEL 8.1",
        (*_OLD, "-Wno-array-bounds", "-Wno-missing-include-dirs"),
        ("CONFIG_BLOCK=y", "CONFIG_SWAP=y", "CONFIG_SCHED_MC_PRIO=n"),
    ),
    _tree("4.19", "upstream", _OLD),
    _tree("5.4", "upstream"),
    _tree("5.15", "upstream"),
    _tree("6.6", "upstream"),
    _tree("6.8", "upstream"),
    _tree("6.14", "upstream"),
    _tree("6.19", "upstream"),
)


def sources(tree: Tree) -> Path:
    """Return where the sources are, or would be."""
    return cache_dir() / "trees" / tree.series


def is_there(tree: Tree) -> bool:
    """Whether there are sources."""
    return (sources(tree) / "Makefile").is_file()


def kernel(tree: Tree) -> Kernel:
    """Return a tree's kernel, built once for these options."""
    if not is_there(tree):
        raise ToolError(
            f"there are no sources of kernel {tree.series}", f"put them into trees/{tree.series} of the cache"
        )
    out = sources(tree).with_name(f"{tree.series}.build")
    with lock(f"kernel-{tree.name}"):
        stamp = out / "ksonde-stamp"
        if not stamp.exists() or stamp.read_text() != _digest(tree):
            stamp.unlink(missing_ok=True)
            _build(tree, out)
            stamp.write_text(_digest(tree))
    release = (out / "include/config/kernel.release").read_text().strip()
    return Kernel(release, out / _IMAGE, out, out, make=tuple(_words(tree)), quiet=tree.quiet)


def _digest(tree: Tree) -> str:
    content = _options(tree).encode() + (sources(tree) / "Makefile").read_bytes()
    return hashlib.sha256(content + repr(_words(tree)).encode()).hexdigest()


def _options(tree: Tree) -> str:
    # The last one of a name counts.
    return _OPTIONS.read_text() + "".join(f"{option}\n" for option in tree.options)


def _words(tree: Tree) -> list[str]:
    # Some trees have their owner's own cross compiler in the Makefile.
    return ["ARCH=x86_64", "CROSS_COMPILE=", f"CC={tree.compiler}", _HOSTCC.format(tree.compiler)]


def _build(tree: Tree, out: Path) -> None:
    for program, package in TOOLS.items():
        need(package, shutil.which(program) is not None)
    for package, header in _HEADERS.items():
        need(package, (Path("/usr/include") / header).exists())
    out.mkdir(exist_ok=True)
    say(f"{tree.name}: building the kernel: 3 to 15 minutes")
    config = out / "ksonde-config"
    config.write_text(_options(tree))
    _make(tree, out, {"KCONFIG_ALLCONFIG": str(config)}, "alldefconfig")
    _make(tree, out, {}, f"-j{os.cpu_count() or 1}", *_QUIRKS, "bzImage", "modules")


def _make(tree: Tree, out: Path, environment: dict[str, str], *words: str) -> None:
    command = ["make", "-C", str(sources(tree)), f"O={out}", *_words(tree), *words]
    log = out / "ksonde-log"
    with log.open("wb") as file:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            check=False,
            env={**os.environ, **environment},
        )
    if done.returncode != 0:
        text = log.read_text(errors="replace")
        reason = re.search(r"^.*(?:\b[Ee]rror\b|\*\*\*).*$", text, re.MULTILINE)
        raise ToolError(
            f"kernel {tree.series} does not build: "
            f"{reason.group(0).strip() if reason else first_line(text, 'make failed')}",
            f"all of it: {log}",
        )
