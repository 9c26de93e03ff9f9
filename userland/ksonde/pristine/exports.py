# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel has for its modules: addresses of symbols, by the image."""

from __future__ import annotations

import struct
from itertools import accumulate
from operator import add
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .image import Image

__all__ = ["Exports"]

#: Of struct kernel_symbol, value, name and namespace: each counts from where it stands (v5.4, 8651ec01daed).
_ROW = 12
_MASK = (1 << 64) - 1
#: What is below is in a CPU's own memory, and does not move with the kernel.
_LOW = 1 << 63


class Exports:
    """What a kernel exports; false where the tables are not understood.

    They are read from the image, not from /proc/kallsyms, which the kernel that is looked at writes.

    Args:
        image: of the kernel.
        moved: by how much the kernel was moved when it was booted.
    """

    def __init__(self, image: Image, moved: int) -> None:
        self._moved = moved
        self._names = image.bytes_of("__ksymtab_strings")
        parts = self._names.split(b"\0")
        #: Where names begin; but for those that are the end of another one.
        self._begins = dict(zip(parts, accumulate(map((1).__add__, map(len, parts)), initial=0)))
        #: Addresses, by where their names begin.
        self._rows: dict[int, int] = {}
        for table in ("__ksymtab", "__ksymtab_gpl"):
            data = image.bytes_of(table)
            if not data:
                continue
            if len(data) % _ROW or "__ksymtab_strings" not in image.sections:
                self._rows = {}
                return
            words = struct.unpack(f"<{len(data) // 4}i", data)
            begin = image.sections[table].address
            values = map(add, words[::3], range(begin, begin + len(data), _ROW))
            begin += 4 - image.sections["__ksymtab_strings"].address
            self._rows.update(zip(map(add, words[1::3], range(begin, begin + len(data), _ROW)), values))
        if self._rows and (min(self._rows) < 0 or max(self._rows) >= len(self._names)):
            self._rows = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def get(self, name: str) -> int | None:
        """The address of a symbol; None: it is not exported, or its name is the end of another one's."""
        return self._address(self._begins.get(name.encode(), -1))

    def get_by_end(self, name: str) -> int | None:
        """The same, where its name may be the end of another one's; that takes longer."""
        wanted = name.encode() + b"\0"
        at = self._names.find(wanted)
        while at >= 0 and at not in self._rows:
            at = self._names.find(wanted, at + 1)
        return self._address(at)

    def _address(self, at: int) -> int | None:
        """Of the symbol whose name begins there."""
        if at not in self._rows:
            return None
        address = self._rows[at] & _MASK
        return address + self._moved if address >= _LOW else address
