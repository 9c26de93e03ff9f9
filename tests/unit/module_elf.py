# SPDX-License-Identifier: GPL-2.0-only
"""A module's file of a few sections, for tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pristine_elf import note

BITS, SYMBOLS, STRINGS, RELOCATIONS, NOTES, NOBITS = 1, 2, 3, 4, 7, 8
DATA, CODE = 3, 6
LOCAL, GLOBAL, WEAK = 0, 1, 2


class Part(NamedTuple):
    """A section."""

    content: bytes
    flags: int = DATA
    kind: int = BITS


class Symbol(NamedTuple):
    """A symbol; section "": nobody of this module has it."""

    name: str
    section: str = ""
    value: int = 0
    binding: int = LOCAL


def build_id(value: bytes) -> Part:
    return Part(note(b"GNU\0", 3, value), 2, NOTES)


def make(
    parts: Mapping[str, Part],
    symbols: Sequence[Symbol] = (),
    relocations: Mapping[str, Sequence[tuple[int, int, int, int]]] = {},
) -> bytes:
    """The file.

    Args:
        parts: sections by name.
        symbols: their numbers begin with 1.
        relocations: by section: offset, kind, symbol's number, addend.
    """
    numbers = {name: number for number, name in enumerate(parts, 1)}
    strings = b"\0" + b"".join(symbol.name.encode() + b"\0" for symbol in symbols)
    rows = bytes(24)
    for symbol in symbols:
        place = strings.index(b"\0" + symbol.name.encode() + b"\0") + 1
        section = 0xFFF1 if symbol.section == "*" else numbers.get(symbol.section, 0)
        rows += struct.pack("<IBBHQQ", place, symbol.binding << 4 | 1, 0, section, symbol.value, 0)
    all_ = [(name, part.kind, part.flags, part.content, 0, 0) for name, part in parts.items()]
    for name, there in relocations.items():
        content = b"".join(struct.pack("<QIIq", *row) for row in there)
        all_.append((".rela" + name, RELOCATIONS, 0x40, content, 0, numbers[name]))
    all_ += [(".symtab", SYMBOLS, 0, rows, len(all_) + 2, 1), (".strtab", STRINGS, 0, strings, 0, 0)]
    names = b"\0" + b"".join(name.encode() + b"\0" for name, *_ in all_) + b".shstrtab\0"
    all_.append((".shstrtab", STRINGS, 0, names, 0, 0))
    data = b""
    headers = [bytes(64)]
    for name, kind, flags, content, link, info in all_:
        place = names.index(b"\0" + name.encode() + b"\0") + 1
        at = 64 + len(data)
        headers.append(struct.pack("<IIQQQQIIQQ", place, kind, flags, 0, at, len(content), link, info, 1, 0))
        data += content if kind != NOBITS else b""
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQ", 1, 62, 1, 0, 0, 64 + len(data))
    head += struct.pack("<IHHHHHH", 0, 64, 0, 0, 64, len(headers), len(headers) - 1)
    return head + data + b"".join(headers)
