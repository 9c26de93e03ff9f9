# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel has for its modules: addresses of symbols, by the image."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .image import Image

__all__ = ["exports"]

#: Of struct kernel_symbol: each counts from where it stands (v5.4, 8651ec01daed).
_ROW = struct.Struct("<iii")
_MASK = (1 << 64) - 1
#: What is below is in a CPU's own memory, and does not move with the kernel.
_LOW = 1 << 63


def exports(image: Image, moved: int) -> dict[str, int]:
    """Addresses by name; {}: the tables are not understood.

    They are read from the image, not from /proc/kallsyms, which the kernel that is looked at writes.

    Args:
        image: of the kernel.
        moved: by how much the kernel was moved when it was booted.
    """
    found: dict[str, int] = {}
    strings = image.sections.get("__ksymtab_strings")
    if strings is None:
        return found
    names = image.bytes_of("__ksymtab_strings")
    for table in ("__ksymtab", "__ksymtab_gpl"):
        data = image.bytes_of(table)
        if len(data) % _ROW.size:
            return {}
        at = image.sections[table].address if data else 0
        for value, name, _space in _ROW.iter_unpack(data):
            begin = at + 4 + name - strings.address
            end = names.find(b"\0", begin) if 0 <= begin < len(names) else -1
            if end < 0:
                return {}
            address = at + value & _MASK
            found[names[begin:end].decode("ascii", "replace")] = address + (moved if address >= _LOW else 0)
            at += _ROW.size
    return found
