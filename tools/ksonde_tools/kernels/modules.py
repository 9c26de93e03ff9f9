# SPDX-License-Identifier: GPL-2.0-only
"""A kernel's own modules that a guest loads, by name; depmod has never seen them."""

from __future__ import annotations

import lzma
import re
from pathlib import Path

from ksonde_tools.kernel import Kernel

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
_SUFFIXES = (".ko", ".ko.xz")


def closure(kernel: Kernel, name: str) -> list[tuple[str, bytes]]:
    """Return a module and what it needs, in the order of loading; what is built in is not there."""
    files = _files(kernel)
    found: dict[str, bytes] = {}

    def visit(wanted: str) -> None:
        file = files.get(wanted)
        if file is None or wanted in found:
            return
        content = _content(file)
        match = _DEPENDS.search(content)
        for needed in (match.group(1).decode() if match else "").split(","):
            visit(_plain(needed))
        found[wanted] = content

    visit(_plain(name))
    return list(found.items())


def _files(kernel: Kernel) -> dict[str, Path]:
    top = kernel.modules / "kernel"
    files = (top if top.is_dir() else kernel.modules).rglob("*.ko*")
    return {_plain(path.name.split(".ko")[0]): path for path in files if path.name.endswith(_SUFFIXES)}


def _plain(name: str) -> str:
    """Return what the kernel calls it: files have the one or the other sign."""
    return name.replace("-", "_")


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content
