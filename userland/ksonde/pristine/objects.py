# SPDX-License-Identifier: GPL-2.0-only
"""x86-64: a module's file: a relocatable ELF file."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .image import NoImage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from mmap import mmap

__all__ = [
    "ALLOCATED",
    "DAMAGED",
    "EXECUTABLE",
    "GLOBAL",
    "NOBITS",
    "WEAK",
    "Header",
    "Object",
    "Symbol",
    "parse",
]

#: What reading a damaged file ends with.
DAMAGED = (struct.error, ValueError, IndexError, OverflowError)
ALLOCATED, EXECUTABLE = 2, 4
GLOBAL, WEAK = 1, 2
_X86_64 = 62
_RELOCATABLE = 1
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
NOBITS = 8
_SYMBOLS, _NOTE = 2, 7


class Header(NamedTuple):
    """Of a section."""

    name: str
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int


class Symbol(NamedTuple):
    """Of the symbol table: as in the file."""

    name: int
    info: int
    other: int
    section: int
    value: int
    size: int

    @property
    def binding(self) -> int:
        """Local, global or weak."""
        return self.info >> 4


@dataclass
class Object:
    """A module's file.

    Attributes:
        path: it came from.
        data: the file, unpacked.
        headers: of its sections, in their order.
        symbols: likewise, as rows.
        strings: where their names are in the file.
    """

    path: str
    data: bytes | mmap
    headers: list[Header]
    symbols: list[tuple[int, ...]]
    strings: int

    def symbol(self, number: int) -> Symbol:
        """One of them."""
        return Symbol._make(self.symbols[number])

    def notes(self) -> bytes:
        """All of its notes, among which the build id is."""
        return b"".join(self.bytes_of(header) for header in self.headers if header.kind == _NOTE)

    def bytes_of(self, header: Header) -> bytes:
        """Of a section; nothing of one that is not in the file."""
        if header.kind == NOBITS:
            return b""
        return self.data[header.offset : header.offset + header.size]

    def name(self, symbol: Symbol) -> str:
        """Of a symbol."""
        return _text(self.data, self.strings + symbol.name)

    def needs(self) -> list[str]:
        """The modules that must be loaded before it (.modinfo)."""
        for header in self.headers:
            if header.name == ".modinfo":
                for word in self.bytes_of(header).split(b"\0"):
                    if word.startswith(b"depends="):
                        names = word[8:].decode("ascii", "replace").split(",")
                        return [name.replace("-", "_") for name in names if name]
        return []

    def exports(self, sections: Mapping[str, int]) -> dict[str, int]:
        """Addresses of what others may refer to, when the sections have these."""
        found: dict[str, int] = {}
        for symbol in map(Symbol._make, self.symbols):
            if symbol.binding in (GLOBAL, WEAK) and 0 < symbol.section < len(self.headers):
                base = sections.get(self.headers[symbol.section].name)
                if base is not None:
                    found[self.name(symbol)] = base + symbol.value
        return found


def parse(path: str, data: bytes | mmap) -> Object:
    """A module's file.

    Raises:
        NoImage: it is none.
        DAMAGED: it is.
    """
    if data[:6] != b"\x7fELF\2\1" or struct.unpack_from("<HH", data, 16) != (_RELOCATABLE, _X86_64):
        raise NoImage("it is no module of this architecture")
    (table,) = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    if size != _SECTION.size or not names < count:
        raise NoImage("it has no sections")
    raw = [_SECTION.unpack_from(data, table + number * size) for number in range(count)]
    base = raw[names][4]
    headers = [
        Header(_text(data, base + name), kind, flags, offset, length, link, info)
        for name, kind, flags, _address, offset, length, link, info, *_ in raw
    ]
    for header in headers:
        if header.kind != NOBITS and header.offset + header.size > len(data):
            raise ValueError("a section lies outside of it")
    for header in headers:
        if header.kind == _SYMBOLS:
            rows = _SYMBOL.iter_unpack(data[header.offset : header.offset + header.size])
            return Object(path, data, headers, list(rows), headers[header.link].offset)
    raise NoImage("it has no symbols")


def _text(data: bytes | mmap, at: int) -> str:
    return data[at : data.find(b"\0", at)].decode("ascii", "replace")
