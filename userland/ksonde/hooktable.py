# SPDX-License-Identifier: GPL-2.0-only
"""The hook table of a module that nobody has loaded, read from its file.

The module's engine/table.c says where the table is and how its structures are laid out; pointers of an object
file are its relocations.  So there is one table, the driver's, and no second list to forget.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from ksonde.errors import KsondeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: By number, as ksonde.uapi.Mechanism has them; that needs construct, which preflight does without.
MECHANISMS = (
    "none", "tracepoint", "ftrace", "kprobe", "kretprobe", "syscall", "sys_exit", "notifier", "netfilter",
    "fexit",
)  # fmt: skip
_FORMAT = 2
_SYMBOL = b"ks_table"
_SYMTAB, _RELA, _NOBITS = 2, 4, 8
_MOST = 256  # rows, candidates, prefixes: the end is looked for no further

#: A place in the file: number of a section, offset within it.
_Place = tuple[int, int]


class NoTable(KsondeError):
    """A file that has no hook table that this package can read.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} has no hook table: {reason}", "give a ksonde.ko of this version")
        self.path = path


@dataclass(frozen=True)
class Point:
    """A candidate: a mechanism's name, and the tracepoint, function, or system calls "a b c"."""

    mechanism: str
    target: str


@dataclass(frozen=True)
class Hook:
    """A row: its candidates in order of preference.

    Attributes:
        vital: those of an event are armed all, or none.
    """

    name: str
    event: int
    always: bool
    points: tuple[Point, ...]
    vital: bool = False


@dataclass(frozen=True)
class Table:
    """What the module will try, on the kernel that it was built for.

    Attributes:
        hooks: in the order in which they are armed.
        ftrace_works: the headers offered what ftrace hooks need.
        fexit_works: and what fexit hooks need.
        syscall_prefixes: what the kernel puts before the names of system calls' functions.
    """

    hooks: tuple[Hook, ...]
    ftrace_works: bool
    fexit_works: bool
    syscall_prefixes: tuple[str, ...]


def read(path: Path) -> Table:
    """Read the table of a ksonde.ko.  NoTable, OSError."""
    try:
        return _read(_Object(path.read_bytes()))
    except (struct.error, IndexError, ValueError) as error:
        raise NoTable(path, str(error) or "it is damaged") from error


def _read(file: _Object) -> Table:
    begin = file.symbol(_SYMBOL)
    if begin is None:
        raise ValueError("the symbol ks_table is missing")
    numbers = [file.u32(_plus(begin, 4 * i)) for i in range(10)]
    if numbers[0] != _FORMAT:
        raise ValueError(f"it is of format {numbers[0]}")
    layout = _Layout(*(*numbers[1:8], file.u32(_plus(begin, 64))))
    hooks, prefixes, ids = (file.pointer(_plus(begin, 40 + 8 * i)) for i in range(3))
    if hooks is None or prefixes is None or ids is None:
        raise ValueError("it points nowhere")
    return Table(
        hooks=tuple(_hook(file, layout, ids, place) for place in file.pointers(hooks)),
        ftrace_works=bool(numbers[8]),
        fexit_works=bool(numbers[9]),
        syscall_prefixes=tuple(file.text(place) for place in file.pointers(prefixes)),
    )


@dataclass(frozen=True)
class _Layout:
    hook_name: int
    hook_event: int
    hook_always: int
    hook_points: int
    point_size: int
    point_mechanism: int
    point_target: int
    hook_vital: int


def _hook(file: _Object, layout: _Layout, ids: _Place, place: _Place) -> Hook:
    name = file.pointer(_plus(place, layout.hook_name))
    points = file.pointer(_plus(place, layout.hook_points))
    if name is None or points is None:
        raise ValueError("a hook points nowhere")
    event = file.u32(_plus(place, layout.hook_event))
    return Hook(
        name=file.text(name),
        event=file.u16(_plus(ids, 2 * event)),
        always=file.read(_plus(place, layout.hook_always), 1) != b"\0",
        points=tuple(_points(file, layout, points)),
        vital=file.read(_plus(place, layout.hook_vital), 1) != b"\0",
    )


def _points(file: _Object, layout: _Layout, begin: _Place) -> Iterator[Point]:
    for number in range(_MOST):
        place = _plus(begin, number * layout.point_size)
        mechanism = file.u32(_plus(place, layout.point_mechanism))
        target = file.pointer(_plus(place, layout.point_target))
        if not mechanism:
            return
        if target is None:
            raise ValueError("a candidate points nowhere")
        yield Point(MECHANISMS[mechanism], file.text(target))


def _plus(place: _Place, offset: int) -> _Place:
    return place[0], place[1] + offset


class _Object:
    """A relocatable 64-bit little-endian ELF file."""

    def __init__(self, data: bytes) -> None:
        if data[:6] != b"\x7fELF\2\1":
            raise ValueError("it is no 64-bit little-endian ELF file")
        self._data = data
        (begin,) = struct.unpack_from("<Q", data, 40)
        if begin > len(data):
            raise ValueError("its section headers are beyond its end")
        size, count = struct.unpack_from("<HH", data, 58)
        #: type, offset, size, link, info of each section
        self._sections = [
            (head[1], head[4], head[5], head[6], head[7])
            for head in (struct.unpack_from("<IIQQQQIIQQ", data, begin + size * i) for i in range(count))
        ]
        self._symbols = next(
            (i for i, section in enumerate(self._sections) if section[0] == _SYMTAB), len(self._sections)
        )
        self._relocations: dict[_Place, tuple[int, int]] = {}
        for kind, offset, length, _, target in self._sections:
            if kind != _RELA:
                continue
            for at, info, addend in struct.iter_unpack("<QQq", data[offset : offset + length]):
                self._relocations[target, at] = info >> 32, addend

    def read(self, place: _Place, length: int) -> bytes:
        """What is stored there; zeros where nothing is stored in the file."""
        kind, offset, size, *_ = self._sections[place[0]]
        if not 0 <= place[1] <= size - length:
            raise ValueError("it points beyond a section")
        if kind == _NOBITS:
            return bytes(length)
        return self._data[offset + place[1] : offset + place[1] + length]

    def u16(self, place: _Place) -> int:
        return int.from_bytes(self.read(place, 2), "little")

    def u32(self, place: _Place) -> int:
        return int.from_bytes(self.read(place, 4), "little")

    def text(self, place: _Place) -> str:
        _, offset, size, *_ = self._sections[place[0]]
        end = self._data.index(b"\0", offset + place[1], offset + size)
        return self._data[offset + place[1] : end].decode("utf-8", "replace")

    def pointer(self, place: _Place) -> Optional[_Place]:
        """What the pointer at a place will point to; None: NULL."""
        if place not in self._relocations:
            return None
        symbol, addend = self._relocations[place]
        _, section, value = self._symbol(symbol)
        return section, value + addend

    def pointers(self, begin: _Place) -> Iterator[_Place]:
        """An array of pointers that ends with NULL."""
        for number in range(_MOST):
            place = self.pointer(_plus(begin, 8 * number))
            if place is None:
                return
            yield place

    def symbol(self, name: bytes) -> Optional[_Place]:
        """Where a symbol is."""
        _, _, size, link, _ = self._sections[self._symbols]
        strings, length = self._sections[link][1:3]
        at = self._data.find(b"\0" + name + b"\0", strings, strings + length) + 1 - strings
        for number in range(size // 24):
            begin, section, value = self._symbol(number)
            if begin == at:
                return section, value
        return None

    def _symbol(self, number: int) -> tuple[int, int, int]:
        """Offset of its name, section, value."""
        name, _, _, section, value, _ = struct.unpack_from(
            "<IBBHQQ", self._data, self._sections[self._symbols][1] + 24 * number
        )
        return name, section, value
