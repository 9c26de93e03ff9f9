# SPDX-License-Identifier: GPL-2.0-only
"""x86-64: a module's code, linked to where the kernel has put its sections."""

from __future__ import annotations

import re
import struct
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

from .image import Image, NoImage, Section
from .objects import ALLOCATED, EXECUTABLE, NOBITS, WEAK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .objects import Object

__all__ = ["Linked", "link"]

_RELOCATION = struct.Struct("<QIIq")
_RELOCATIONS = 4
_UNDEFINED, _ABSOLUTE, _FIRST_RESERVED = 0, 0xFFF1, 0xFF00
_NONE = 0
#: Most relocations fill four bytes that count from there: PC32, PLT32.
_MOST = frozenset((2, 4))
#: Bytes that the others fill, and whether they count from there: _64, PC32, PLT32, _32, _32S, PC64.
_KINDS = {
    1: ("<Q", False),
    2: ("<I", True),
    4: ("<I", True),
    10: ("<I", False),
    11: ("<I", False),
    24: ("<Q", True),
}
#: The kernel's tables of the places in a module's code that it patches.
_TABLES = re.compile(
    r"\.(?:alt|para)instructions|\.(?:retpoline|return|call|cfi)_sites|\.ibt_endbr_seal|\.smp_locks"
    r"|__mcount_loc|__jump_table|\.static_call_sites|runtime_(?:ptr|shift|mask)_.*"
)
#: What those of the kernel itself lie between.
_BOUNDS = {
    "__mcount_loc": ("__start_mcount_loc", "__stop_mcount_loc"),
    "__jump_table": ("__start___jump_table", "__stop___jump_table"),
    ".static_call_sites": ("__start_static_call_sites", "__stop_static_call_sites"),
}
#: Begin of the names of sections that the kernel frees once the module has started.
_FREED = ".init"
_MASK32 = (1 << 32) - 1
_MASKS = {"<I": _MASK32, "<Q": (1 << 64) - 1}

Exports = Callable[[str], Optional[int]]


@dataclass(frozen=True)
class Linked:
    """A module as it should be in memory.

    Attributes:
        image: its section .text is all of its code, from the first section of code to the last one.
        symbols: where that is, and the kernel's tables, by the names that those of the kernel have.
        checked: bytes of code that the file tells.
        unknown: names that it refers to and nobody has, each with how many places are not judged for it.
    """

    image: Image
    symbols: dict[str, int]
    checked: int
    unknown: Counter[str]


class _Left(NamedTuple):
    """A place whose value is not known: its form, of which symbol, and what is added to that."""

    offset: int
    form: str
    symbol: int
    add: int


class _Values(dict[int, Optional[int]]):
    """Where symbols are, by their number; few of a module's are asked for."""

    def __init__(self, of: Callable[[int], Optional[int]]) -> None:
        super().__init__()
        self._of = of

    def __missing__(self, number: int) -> Optional[int]:
        self[number] = self._of(number)
        return self[number]


class _Linker:
    def __init__(self, module: Object, sections: Mapping[str, int], exports: Exports) -> None:
        self._module = module
        self._exports = exports
        self.addresses: list[Optional[int]] = [None] * len(module.headers)
        self.code: dict[int, int] = {}
        for number, header in enumerate(module.headers):
            address = sections.get(header.name)
            if not header.flags & ALLOCATED or not header.size or address is None:
                continue
            self.addresses[number] = address
            if header.flags & EXECUTABLE and not header.name.startswith(_FREED):
                if header.kind == NOBITS:
                    raise ValueError("code is not in it")
                self.code[number] = address
        if not self.code:
            raise NoImage("the kernel does not say where its code is")
        self.begin = min(self.code.values())
        self.end = max(address + module.headers[number].size for number, address in self.code.items())
        self._place_tables()
        self._values = _Values(self._value)
        self._relocations = {header.info: header for header in module.headers if header.kind == _RELOCATIONS}

    def _place_tables(self) -> None:
        """One that the kernel has not kept is as good at any address: all in it counts from there."""
        end = self.end
        for number in self.tables():
            if self.addresses[number] is None:
                end += -end % 16
                self.addresses[number] = end
                end += self._module.headers[number].size

    def tables(self) -> Iterator[int]:
        for number, header in enumerate(self._module.headers):
            if header.flags & ALLOCATED and header.size and _TABLES.fullmatch(header.name):
                yield number

    def _value(self, number: int) -> Optional[int]:
        symbol = self._module.symbol(number)
        if symbol.section == _UNDEFINED:
            name = self._module.name(symbol)
            found = self._exports(name) if name else 0
            return 0 if found is None and symbol.binding == WEAK else found
        if symbol.section >= _FIRST_RESERVED:
            return symbol.value if symbol.section == _ABSOLUTE else None
        base = self.addresses[symbol.section]
        return None if base is None else base + symbol.value

    def relocated(self, number: int) -> tuple[bytearray, list[_Left]]:
        """A section, and the places in it whose values are not known."""
        code = bytearray(self._module.bytes_of(self._module.headers[number]))
        left: list[_Left] = []
        there, base = self._relocations.get(number), self.addresses[number]
        if there is None or base is None:
            return code, left
        values, put = self._values, struct.Struct("<I").pack_into
        rows = self._module.bytes_of(there)
        for offset, kind, symbol, addend in _RELOCATION.iter_unpack(rows[: len(rows) - len(rows) % 24]):
            value = values[symbol]
            if kind in _MOST and value is not None:
                put(code, offset, value + addend - base - offset & _MASK32)
            elif kind in _KINDS:
                form, relative = _KINDS[kind]
                one = _Left(offset, form, symbol, addend - base - offset if relative else addend)
                if value is None:
                    left.append(one)
                else:
                    struct.pack_into(form, code, offset, value + one.add & _MASKS[form])
            elif kind != _NONE:
                raise NoImage(f"it has a relocation that is not known ({kind})")
        return code, left

    def fill(self, code: bytearray, found: bytes, places: list[_Left]) -> Counter[str]:
        """Put what is in memory at places that are not known; the names of what they are not known of.

        A CPU's own memory is at an address that the kernel tells nobody.  All places must agree on it: one
        that does not gets what most of them say.
        """
        votes: dict[int, Counter[int]] = defaultdict(Counter)
        unknown: Counter[str] = Counter()
        known: list[tuple[_Left, int, int]] = []
        for left in places:
            (there,) = struct.unpack_from(left.form, found, left.offset)
            symbol = self._module.symbol(left.symbol)
            if symbol.section == _UNDEFINED or symbol.section >= _FIRST_RESERVED or left.form != "<I":
                unknown[self._module.name(symbol)] += 1
                struct.pack_into(left.form, code, left.offset, there)
            else:
                add = left.add + symbol.value
                votes[symbol.section][there - add & _MASK32] += 1
                known.append((left, symbol.section, add))
        bases = {section: each.most_common(1)[0][0] for section, each in votes.items()}
        for left, section, add in known:
            struct.pack_into("<I", code, left.offset, bases[section] + add & _MASK32)
        return unknown


def link(
    module: Object, sections: Mapping[str, int], exports: Exports, read: Callable[[int, int], bytes]
) -> Linked:
    """Put a module's code together.

    Args:
        module: its file.
        sections: addresses by name, of those that the kernel has kept.
        exports: the address of what others have; None: nobody has it.
        read: code as it is now; what lies between two sections is taken from there.

    Raises:
        NoImage: it cannot be linked.
        DAMAGED: the file is.
    """
    linker = _Linker(module, sections, exports)
    begin = linker.begin
    found = read(begin, linker.end - begin)
    if len(found) != linker.end - begin:
        raise NoImage("the kernel has less code of it")
    code = bytearray(found)
    placed: dict[str, Section] = {}
    left: list[_Left] = []
    for number, address in linker.code.items():
        bytes_, unknown = linker.relocated(number)
        at = address - begin
        code[at : at + len(bytes_)] = bytes_
        left += [one._replace(offset=one.offset + at) for one in unknown]
        placed[module.headers[number].name] = Section(address, at, len(bytes_))
    missed = linker.fill(code, found, left)
    placed[".text"] = Section(begin, 0, len(code))
    data = bytes(code)
    for number in linker.tables():
        bytes_, _ = linker.relocated(number)
        placed[module.headers[number].name] = Section(linker.addresses[number] or 0, len(data), len(bytes_))
        data += bytes_
    symbols = {"_text": begin, "_stext": begin, "_etext": linker.end}
    for name, (start, stop) in _BOUNDS.items():
        section = placed.get(name, Section(begin, 0, 0))
        symbols |= {start: section.address, stop: section.address + section.size}
    checked = sum(module.headers[number].size for number in linker.code)
    return Linked(Image(module.path, data, 0, placed), symbols, checked, missed)
