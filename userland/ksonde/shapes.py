# SPDX-License-Identifier: GPL-2.0-only
"""What fields look like: the construct pieces that schemas are made of, and how bytes become values.

Text is UTF-8 with surrogateescape: whatever bytes a program used, ``os.fsencode()`` gives them back.
"""

from __future__ import annotations

from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop
from typing import TYPE_CHECKING, Any

from construct import Adapter, Bytes, Construct, Pointer, Struct, ValidationError, this

from . import uapi

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    # construct-typing makes these generic, construct does not.
    _Adapter = Adapter[Any, Any, Any, Any]
    AnyConstruct = Construct[Any, Any]
else:
    _Adapter = Adapter
    AnyConstruct = Construct

__all__ = [
    "Address",
    "Blob",
    "List",
    "Reference",
    "Section",
    "Text",
    "Vector",
    "address",
    "padded_text",
    "text",
    "vector",
]


def text(data: bytes) -> str:
    """A string's bytes as str."""
    return data.decode("utf-8", "surrogateescape")


def padded_text(data: bytes) -> str:
    """A NUL-padded array as str."""
    return data.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def vector(data: bytes) -> tuple[str, ...]:
    """A run of NUL-closed strings; the last one may lack its NUL (it was cut)."""
    strings = data.decode("utf-8", "surrogateescape").split("\0")
    if not strings[-1]:
        strings.pop()
    return tuple(strings)


@lru_cache(maxsize=4096)
def address(data: bytes, family: int | None) -> str:
    """An IP address as people write it; of an unknown family: its bytes in hexadecimal."""
    if family == AF_INET and len(data) >= 4:
        return inet_ntop(AF_INET, data[:4])
    if family == AF_INET6 and len(data) == 16:
        return inet_ntop(AF_INET6, data)
    return data.hex()


class _Shape(_Adapter):
    """An adapter that a compiled Struct calls for its value, and not for all of the parsing."""

    def _emitparse(self, code: Any) -> str:
        subcon: Any = self.subcon
        code.linkedinstances[id(self)] = self
        return f"linkedinstances[{id(self)}]._decode({subcon._compileparse(code)}, this, None)"


class Section(_Shape):
    """Fields in a row; one has no value (None) when its bit of the header's absent is set.

    Attributes:
        first: number of the first field's bit.
        names: of the fields.
    """

    def __init__(self, subcon: AnyConstruct, first: int, names: Sequence[str]) -> None:
        super().__init__(subcon)
        self.first = first
        self.names = tuple(names)

    def _decode(self, obj: Any, context: Any, path: Any) -> Any:
        absent = context.header.absent >> self.first
        for number, name in enumerate(self.names):
            if absent >> number & 1:
                obj[name] = None
        return obj


class Text(_Shape):
    """char[N]: NUL-padded text."""

    def __init__(self, length: int) -> None:
        super().__init__(Bytes(length))

    def _decode(self, obj: bytes, context: Any, path: Any) -> str:
        return padded_text(obj)


class Blob(_Shape):
    """u8[N]: bytes."""

    def __init__(self, length: int) -> None:
        super().__init__(Bytes(length))

    def _decode(self, obj: bytes, context: Any, path: Any) -> bytes:
        return obj


class Address(Blob):
    """u8[N] of format "ip": an address.

    Attributes:
        family: name of the field that says of what kind, None when there is none.
        bit: of that field in the header's absent, None when it has none.
    """

    def __init__(self, length: int, family: str | None, bit: int | None) -> None:
        super().__init__(length)
        self.family = family
        self.bit = bit

    def _decode(self, obj: bytes, context: Any, path: Any) -> Any:
        if self.family is None or (self.bit is not None and context._.header.absent >> self.bit & 1):
            return address(obj, None)
        return address(obj, context[self.family])


class Reference(_Shape):
    """str: a reference to text in the record's tail.  Records are parsed from streams of their own."""

    convert: Callable[[bytes], Any] = staticmethod(text)

    def __init__(self) -> None:
        offset, length = uapi.Ref.subcons
        super().__init__(Struct(offset, length, "bytes" / Pointer(this.offset, Bytes(this.length))))

    def _decode(self, obj: Any, context: Any, path: Any) -> Any:
        self._check(obj, context)
        return self.convert(obj.bytes)

    @staticmethod
    def _check(ref: Any, context: Any) -> None:
        """Nothing to be read beyond the end is not enough: the begin must lie in the record, too."""
        if ref.offset + ref.length > context._.header.length:
            raise ValidationError(f"{ref.length} bytes at {ref.offset} of {context._.header.length}")


class Vector(Reference):
    """vec: a reference to NUL-closed strings."""

    convert = staticmethod(vector)


class List(Reference):
    """list:NAME: a reference to structures.  A part of one at the end is not shown.

    Attributes:
        name: of the structure.
        item: the structure.
    """

    def __init__(self, name: str, item: AnyConstruct) -> None:
        super().__init__()
        self.name = name
        self.item = item

    def _decode(self, obj: Any, context: Any, path: Any) -> Any:
        self._check(obj, context)
        size = self.item.sizeof()
        data = obj.bytes
        return tuple(self.item.parse(data[i : i + size]) for i in range(0, len(data) - size + 1, size))
