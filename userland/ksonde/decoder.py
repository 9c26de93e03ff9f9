# SPDX-License-Identifier: GPL-2.0-only
"""Bytes to records, by decoders generated from the schema (generate.py).

What is generated can be read: ``print(Decoder(schema).source)``.
"""

from __future__ import annotations

import linecache
from collections import namedtuple
from functools import lru_cache
from itertools import count
from struct import Struct as Format
from typing import TYPE_CHECKING, Any, Callable

from . import shapes, uapi
from .errors import BadRecord
from .generate import codes, generate
from .record import Record, flag_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .schema import Field, Schema

__all__ = ["Decoder"]

_HEADER = uapi.Header.sizeof()
_number = count()


class Decoder:
    """Makes records of bytes.

    Attributes:
        source: the generated code.
        classes: the class of each event's records, by name of the event.
    """

    def __init__(self, schema: Schema) -> None:
        self.source = generate(schema)
        namespace = _namespace(schema)
        exec(_compile(self.source), namespace)
        self._decoders: dict[int, Callable[[bytes], Record]] = namespace["DECODERS"]
        self.classes: dict[str, type[Record]] = namespace["CLASSES"]

    def decode(self, raw: bytes) -> Record:
        """Decode exactly one record.

        Raises:
            BadRecord: the bytes are no record of this schema.
        """
        if len(raw) < _HEADER:
            raise BadRecord(f"{len(raw)} bytes are less than a header")
        event = raw[4] | raw[5] << 8
        decode = self._decoders.get(event)
        if decode is None:
            raise BadRecord(f"event {event} is not in the schema")
        return decode(raw)

    def decode_all(self, raws: Iterable[bytes]) -> list[Record]:
        """Decode many records; each must be at least as long as a header, as those of a ring are.

        Raises:
            BadRecord: as decode().
        """
        decoders = self._decoders
        try:
            return [decoders[raw[4] | raw[5] << 8](raw) for raw in raws]
        except KeyError as error:
            raise BadRecord(f"event {error.args[0]} is not in the schema") from None


@lru_cache(maxsize=8)
def _compile(source: str) -> Any:
    """The code object; compiling takes as long as all else together, and schemas are few."""
    filename = f"<ksonde decoder {next(_number)}>"
    # Tracebacks and debuggers find the lines.
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    return compile(source, filename, "exec")


class AbsentNames(dict[int, "tuple[str, ...]"]):
    """By the bits of absent: the slots that they mean.  Combinations are few, and worked out once each."""

    def __init__(self, names: Iterable[tuple[int, str]]) -> None:
        super().__init__()
        self.names = tuple(names)

    def __missing__(self, absent: int) -> tuple[str, ...]:
        slots = tuple(name for bit, name in self.names if absent >> bit & 1)
        if len(self) < 4096:
            self[absent] = slots
        return slots


def _list_decoder(name: str, fields: Sequence[Field], item: Any) -> Callable[[bytes], tuple[Any, ...]]:
    """A function from bytes to a tuple of named tuples; fields called reserved are left out."""
    shown = [field for field in fields if field.name != "reserved"]
    shapes_of = {part.name: part.subcon for part in item.subcons if part.name is not None}
    layout = Format(
        "<"
        + "".join(
            f"{part.sizeof()}x" if part.name in (None, "reserved") else codes(part) for part in item.subcons
        )
    )
    names = [field.name for field in shown]
    texts = [number for number, key in enumerate(names) if isinstance(shapes_of[key], shapes.Text)]
    addresses = [
        (number, names.index(shapes_of[key].family) if shapes_of[key].family else None)
        for number, key in enumerate(names)
        if isinstance(shapes_of[key], shapes.Address)
    ]
    attributes = [field.attribute for field in shown]
    element: Any = namedtuple(name.capitalize(), attributes)  # type: ignore[misc] # noqa: PYI024 - of the schema

    def decode(data: bytes) -> tuple[Any, ...]:
        result = []
        for values in layout.iter_unpack(data[: len(data) - len(data) % layout.size]):
            row = list(values)
            for number in texts:
                row[number] = shapes.padded_text(row[number])
            for number, family in addresses:
                row[number] = shapes.address(row[number], None if family is None else row[family])
            result.append(element._make(row))
        return tuple(result)

    return decode


def _hexadecimal(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


def _dicts(items: Iterable[Any] | None) -> list[dict[str, Any]] | None:
    if items is None:
        return None
    return [
        {name: value.hex() if isinstance(value, bytes) else value for name, value in item._asdict().items()}
        for item in items
    ]


def _namespace(schema: Schema) -> dict[str, Any]:
    """What the generated code refers to."""
    lists = {
        f"{name}_list": _list_decoder(name, fields, schema.items[name])
        for name, fields in schema.structs.items()
    }
    return {
        "__name__": "ksonde.generated",
        "AbsentNames": AbsentNames,
        "BadRecord": BadRecord,
        "Format": Format,
        "NUL": b"\0",
        "Record": Record,
        "address": shapes.address,
        "dicts": _dicts,
        "flag_names": flag_names,
        "hexadecimal": _hexadecimal,
        "new": object.__new__,
        "vector": shapes.vector,
        **lists,
    }
