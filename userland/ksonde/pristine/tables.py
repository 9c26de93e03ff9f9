# SPDX-License-Identifier: GPL-2.0-only
"""x86-64: the kernel's own tables of the places in its code that it patches."""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import repeat
from operator import add, sub
from typing import TYPE_CHECKING, NamedTuple

from .image import Image, Section

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Alternative", "Replacements", "Tables", "read"]

#: Bytes of struct alt_instr, and where its lengths are: v5.13 has no padding's length any more
#: (23c1ad538f4f), v6.3 has flags (5d1dd961e743).
_ALTERNATIVES = ((14, 12), (12, 10), (13, 10))


class Alternative(NamedTuple):
    """What may take the place of some code.

    Attributes:
        size: of that place.
        address: that it is linked to.
        length: of it.
    """

    size: int
    address: int
    length: int


@dataclass(frozen=True)
class Replacements:
    """The code of all alternatives.

    Attributes:
        address: that it is linked to.
        codes: it, as it is and with plain returns: they are patched before it is put anywhere.
    """

    address: int
    codes: tuple[bytes, ...]

    def of(self, one: Alternative) -> set[bytes]:
        """Of one of them."""
        begin = one.address - self.address
        return {code[begin : begin + one.length] for code in self.codes}


@dataclass
class Tables:
    """Offsets in the text, by the kind of the place.

    All lists are in order.

    Attributes:
        alternatives: by offset, in the order in which they are put there.
        replacements: their code.
        paravirt: by the bytes of the place.
        jumps: jump labels, and the offset that each leads to.
        constants: of instructions, found out when the kernel started (v6.11, e78298556ee5): offsets and
            bytes of each one by its name.
        unknown: tables that were not understood.
    """

    alternatives: dict[int, list[Alternative]]
    replacements: Replacements
    paravirt: dict[int, list[int]]
    retpolines: list[int]
    returns: list[int]
    calls: list[int]
    cfi: list[int]
    endbr: list[int]
    locks: list[int]
    traced: list[int]
    jumps: dict[int, int]
    static_calls: list[int]
    constants: dict[str, tuple[list[int], int]]
    unknown: list[str]

    def covered(self) -> set[int]:
        """The offsets of all bytes that an alternative may take the place of."""
        return {
            offset
            for begin, there in self.alternatives.items()
            for offset in range(begin, begin + max(one.size for one in there))
        }


class _Reader:
    """Reads tables of the image; knows where the text is."""

    def __init__(self, image: Image, replacements: bytes, symbols: Mapping[str, int], moved: int) -> None:
        self.image = image
        self.text = image.sections[".text"]
        self._symbols = symbols
        self._moved = moved
        self._returns = sorted(self._relative(".return_sites"))
        section = image.sections.get(".altinstr_replacement", Section(0, 0, 0))
        codes = (replacements, self._returned(replacements, section))
        self.replacements = Replacements(section.address, codes)
        self.unknown: list[str] = []

    def own(self, offsets: list[int]) -> list[int]:
        """Those that are in the text, in order: the code of the start is gone."""
        offsets.sort()
        return offsets[bisect_left(offsets, 0) : bisect_left(offsets, self.text.size)]

    def relative(self, name: str) -> list[int]:
        """A section of distances from where each stands."""
        return self.own(self._relative(name))

    def returns(self) -> list[int]:
        return self.own(self._returns)

    def _relative(self, name: str) -> list[int]:
        data = self.image.bytes_of(name)
        if not data:
            return []
        base = self.image.sections[name].address - self.text.address
        values = struct.unpack(f"<{len(data) // 4}i", data[: len(data) & ~3])
        return list(map(add, values, range(base, base + len(data), 4)))

    def _returned(self, replacements: bytes, section: Section) -> bytes:
        code = bytearray(replacements)
        begin = section.address - self.text.address
        first, last = bisect_left(self._returns, begin), bisect_right(self._returns, begin + len(code) - 5)
        for at in self._returns[first:last]:
            code[at - begin : at - begin + 5] = b"\xc3\xcc\xcc\xcc\xcc"
        return bytes(code)

    def between(self, begin: str, end: str) -> tuple[int, bytes]:
        """What is linked between two symbols of the running kernel, and where to."""
        if begin not in self._symbols or end not in self._symbols:
            self.unknown.append(begin)
            return 0, b""
        address = self._symbols[begin] - self._moved
        size = self._symbols[end] - self._symbols[begin]
        data = self.image.at(address, size)
        if len(data) < size:
            self.unknown.append(begin)
            return 0, b""
        return address, data

    def alternatives(self) -> dict[int, list[Alternative]]:
        found: dict[int, list[Alternative]] = {}
        data = self.image.bytes_of(".altinstructions")
        if not data:
            return found
        address = self.image.sections[".altinstructions"].address
        section = self.image.sections.get(".altinstr_replacement")
        for size, lengths in _ALTERNATIVES:
            rows = _alternative_rows(data, address, size, lengths)
            if rows and section is not None and _is_plausible(rows, section.address, section.size):
                for place, there, length, count in rows:
                    offset = place - self.text.address
                    if 0 <= offset < self.text.size:
                        found.setdefault(offset, []).append(Alternative(length, there, count))
                return found
        self.unknown.append(".altinstructions")
        return found

    def paravirt(self) -> dict[int, list[int]]:
        data = self.image.bytes_of(".parainstructions")
        # The last one may lack the bytes that fill it up.
        rows = struct.iter_unpack("<QBB6x", data + bytes(-len(data) % 16))
        base = self.text.address
        places: dict[int, list[int]] = {}
        for place, _kind, length in rows:
            places.setdefault(length, []).append(place - base)
        return {length: self.own(offsets) for length, offsets in places.items()}

    def constants(self) -> dict[str, tuple[list[int], int]]:
        sizes = {"runtime_ptr_": 8, "runtime_shift_": 1, "runtime_mask_": 4}
        return {
            name: (self.relative(name), size)
            for name in self.image.sections
            for prefix, size in sizes.items()
            if name.startswith(prefix)
        }

    def traced(self) -> list[int]:
        _, data = self.between("__start_mcount_loc", "__stop_mcount_loc")
        # The lower halves of addresses: numbers that small are quick, and all else is out of the text.
        words = struct.unpack(f"<{len(data) // 8 * 2}I", data[: len(data) & ~7])[::2]
        return self.own(list(map(sub, words, repeat(self.text.address & 0xFFFFFFFF))))

    def jumps(self) -> dict[int, int]:
        address, data = self.between("__start___jump_table", "__stop___jump_table")
        base = address - self.text.address
        rows = struct.iter_unpack("<iiq", data[: len(data) & ~15])
        size = self.text.size
        jumps = {
            base + 16 * number + code: base + 16 * number + 4 + target
            for number, (code, target, _key) in enumerate(rows)
        }
        return {code: target for code, target in jumps.items() if 0 <= code < size}

    def static_calls(self) -> list[int]:
        address, data = self.between("__start_static_call_sites", "__stop_static_call_sites")
        base = address - self.text.address
        rows = struct.iter_unpack("<ii", data[: len(data) & ~7])
        return self.own([base + 8 * number + code for number, (code, _key) in enumerate(rows)])


def _alternative_rows(data: bytes, address: int, size: int, lengths: int) -> list[tuple[int, int, int, int]]:
    """Place, replacement's place, and their lengths; none where rows are not of that size."""
    if len(data) % size:
        return []
    rows = struct.iter_unpack(f"<ii{lengths - 8}xBB{size - lengths - 2}x", data)
    return [
        (address + size * number + place, address + size * number + 4 + there, length, count)
        for number, (place, there, length, count) in enumerate(rows)
    ]


def _is_plausible(rows: list[tuple[int, int, int, int]], address: int, size: int) -> bool:
    return all(
        count <= length and (not count or 0 <= there - address <= size - count)
        for _place, there, length, count in rows
    )


def read(image: Image, replacements: bytes, symbols: Mapping[str, int], moved: int) -> Tables:
    """The tables.

    Args:
        image: of the kernel.
        replacements: section .altinstr_replacement, as it is where the kernel was moved to.
        symbols: addresses in the running kernel.
        moved: by how much it was moved when it was booted.
    """
    reader = _Reader(image, replacements, symbols, moved)
    return Tables(
        alternatives=reader.alternatives(),
        replacements=reader.replacements,
        paravirt=reader.paravirt(),
        retpolines=reader.relative(".retpoline_sites"),
        returns=reader.returns(),
        calls=reader.relative(".call_sites"),
        cfi=reader.relative(".cfi_sites"),
        endbr=reader.relative(".ibt_endbr_seal"),
        locks=reader.relative(".smp_locks"),
        traced=reader.traced(),
        jumps=reader.jumps(),
        static_calls=reader.static_calls(),
        constants=reader.constants(),
        unknown=reader.unknown,
    )
