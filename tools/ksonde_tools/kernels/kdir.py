# SPDX-License-Identifier: GPL-2.0-only
"""Kernel trees and headers folders that are in no list: --kdir."""

from __future__ import annotations

import re
from pathlib import Path

from ksonde_tools.common import ToolError
from ksonde_tools.kernel import Kernel

from .rows import KDIR, Row
from .source import options

#: The image of a folder that has none.
NONE = Path()
#: By architecture: the option that tells it, and where a tree that was built has its image.
_ARCHES = {
    "amd64": ("CONFIG_X86_64", ("arch/x86/boot/bzImage",)),
    "arm64": ("CONFIG_ARM64", ("arch/arm64/boot/Image",)),
    "riscv64": ("CONFIG_RISCV", ("arch/riscv/boot/Image",)),
}


def resolve(folder: Path, image: Path | None, words: tuple[str, ...]) -> tuple[Row, Kernel]:
    """Return a row and a kernel for a folder that is ready to build modules against."""
    folder = folder.resolve()
    release = folder / "include/config/kernel.release"
    if not release.exists():
        raise ToolError(
            f"{folder} is no prepared kernel tree", "make modules_prepare there, or install its headers"
        )
    if image is not None and not image.is_file():
        raise ToolError(f"there is no image {image}", "give --image the file that boots: bzImage, Image")
    version = re.sub(r"[^\w.+~-]", "", release.read_text().strip())
    arch = _arch(folder)
    row = Row(KDIR + version, arch, version, "", (), compiler="gcc")
    return row, Kernel(version, _image(folder, arch, image), folder, folder, make=words)


def _arch(folder: Path) -> str:
    config = folder / ".config"
    have = options(config.read_text()) if config.exists() else {}
    for arch, (option, _) in _ARCHES.items():
        if have.get(option) == "y":
            return arch
    raise ToolError(f"{config} is of no 64-bit x86, ARM or RISC-V kernel", "make defconfig there")


def _image(folder: Path, arch: str, image: Path | None) -> Path:
    if image is not None:
        return image.resolve()
    places = (*_ARCHES[arch][1], "vmlinuz", "vmlinux")
    return next((folder / name for name in places if (folder / name).is_file()), NONE)
