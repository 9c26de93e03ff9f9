# SPDX-License-Identifier: GPL-2.0-only
"""Writes the guest's initial RAM file system: busybox, a few modules, what to run."""

from __future__ import annotations

import lzma
import shutil
from pathlib import Path

from .common import ROOT, ToolError
from .kernel import Kernel

#: In the order in which they are loaded; one that a kernel has built in is not there.
_MODULES = (
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci",
    "drivers/char/virtio_console",
    "fs/netfs/netfs",
    "fs/fscache/fscache",
    "net/9p/9pnet",
    "net/9p/9pnet_virtio",
    "fs/9p/9p",
    "fs/overlayfs/overlay",
)


def make(kernel: Kernel, files: dict[str, str]) -> bytes:
    """Return an archive with busybox, the kernel's modules, the guest's init and `files` in /ksonde."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise ToolError("there is no busybox", "apt-get install busybox-static")
    archive = _Archive()
    for folder in ("bin", "dev", "ksonde", "modules", "newroot", "proc"):
        archive.add(folder, 0o040755)
    archive.add("bin/busybox", 0o100755, Path(busybox).read_bytes())
    archive.add("init", 0o100755, (ROOT / "tools/guest/init").read_bytes())
    for number, name in enumerate(_MODULES):
        module = _module(kernel.modules / "kernel" / f"{name}.ko")
        if module is not None:
            archive.add(f"modules/{number:02}-{Path(name).name}.ko", 0o100644, module)
    for path, content in files.items():
        archive.add(f"ksonde/{path}", 0o100755, content.encode(errors="surrogateescape"))
    return archive.close()


def _module(path: Path) -> bytes | None:
    """A module, which Debian's newer kernels have compressed; None: there is none."""
    if path.exists():
        return path.read_bytes()
    compressed = path.with_name(f"{path.name}.xz")
    return lzma.decompress(compressed.read_bytes()) if compressed.exists() else None


class _Archive:
    """A cpio archive in the "newc" format."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._inode = 0

    def add(self, name: str, mode: int, content: bytes = b"") -> None:
        self._inode += 1
        path = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + path
        self._parts += [_padded(head), _padded(content)]

    def close(self) -> bytes:
        self.add("TRAILER!!!", 0)
        return b"".join(self._parts)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
