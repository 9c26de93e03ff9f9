# SPDX-License-Identifier: GPL-2.0-only
"""The driver's description of its records, and the construct Structs made from it.

The Structs are the one source of truth of this package: decoders are generated from them, and they themselves
parse records (slowly), which is what the generated decoders are tested against.
"""

from __future__ import annotations

import json
import keyword
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable

from construct import ConstructError, Int16ul, Int32sl, Int32ul, Int64sl, Int64ul, Padding, Struct

from . import shapes, uapi
from .errors import BadRecord, BadSchema, SchemaTooNew, UnknownEvent, VersionMismatch
from .record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .shapes import AnyConstruct

__all__ = ["EventSchema", "Field", "Schema"]

_INTEGERS: dict[str, AnyConstruct] = {
    "u16": Int16ul,
    "u32": Int32ul,
    "u64": Int64ul,
    "s32": Int32sl,
    "s64": Int64sl,
}
_ARRAY = re.compile(r"(char|u8)\[([1-9][0-9]{0,4})\]")
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_ADDRESS = re.compile(r"(.*?)(?:local_|remote_)?address")

#: Bits of the header's absent: the context has the lower half, the event the upper one.
_HALF = 32

#: Names that no field can have as an attribute.
_TAKEN = frozenset(name for name in {*dir(Record), *Record.__annotations__} if not name.startswith("_"))


@dataclass(frozen=True)
class Field:
    """A field: of the header, of the context, of an event or of a structure.

    Attributes:
        name: what the driver calls it.
        type: u16 u32 u64 s32 s64 char[N] u8[N] str vec list:STRUCTURE.
        offset: bytes from the begin of the record (of the structure).
        format: how people want to see it ("uid", "path", "errno", ...); may be unknown or empty.
        doc: what it means.
        attribute: its name as an attribute of a record: name, or name + "_" where that is taken.
    """

    name: str
    type: str
    offset: int
    format: str
    doc: str
    attribute: str


@dataclass(frozen=True)
class EventSchema:
    """An event.

    Attributes:
        id, name: for ever the same.
        profile: "D" default, "S" sandbox, "-" always there.
        doc: what happened.
        size: bytes of the fixed part, header included.
        has_context: the record says who did it.
        fields: what it tells beyond that.
        struct: the construct Struct that parses a record's bytes to header, process and data.
    """

    id: int
    name: str
    profile: str
    doc: str
    size: int
    has_context: bool
    fields: tuple[Field, ...]
    struct: Any = field(repr=False, compare=False)


class Schema:
    """All events of a driver.  Schema.parse() makes it.

    Attributes:
        text: what it was parsed from.
        abi: of the driver (KSONDE_ABI).
        version: of the schema (KSONDE_SCHEMA); a newer one is no problem.
        driver: version of the module.
        header, context: the fields that all records, and all records of a task, have.
        structs, items: structures that lists are made of, by name, and their construct Structs.
        events: by name, in the driver's order.
        by_id: the same by id.
    """

    def __init__(self, text: str) -> None:
        data = _load(text)
        self.text = text
        self.abi: int = data["abi"]
        self.version: int = data["schema"]
        self.driver: str = data["driver"]
        if self.abi > uapi.ABI:
            raise SchemaTooNew(f"ABI {self.abi}")
        if self.abi < uapi.ABI:
            raise VersionMismatch(self.abi, uapi.ABI, self.driver)
        self.header = _fields(data["header"], "the header")
        _check_header(self.header, data["header_size"])
        self.structs: dict[str, tuple[Field, ...]] = {}
        self.items: dict[str, AnyConstruct] = {}
        for name, row in data["structs"].items():
            _check_name(name, "a structure")
            size = row["size"]
            if not row["fields"] or not isinstance(size, int) or not 0 < size <= uapi.RECORD_MAX:
                raise BadSchema(f"structure {name} has no fields, or no size")
            self.structs[name] = _fields(row["fields"], name)
            self.items[name] = self._struct(self.structs[name], 0, size, None)
        self.context = _fields(data["context"], "the context", _TAKEN)
        self._context_end = max([data["header_size"], *(f.offset + _size(f) for f in self.context)])
        self._context = self._struct(self.context, data["header_size"], self._context_end, 0)
        self._header = Struct(*uapi.Header.subcons, *_padding(data["header_size"] - uapi.Header.sizeof()))
        self.events: dict[str, EventSchema] = {}
        self.by_id: dict[int, EventSchema] = {}
        for row in data["events"]:
            event = self._event(row)
            if event.name in self.events or event.id in self.by_id:
                raise BadSchema(f"two events {event.name} ({event.id})")
            self.events[event.name] = self.by_id[event.id] = event

    @classmethod
    def parse(cls, text: str | bytes) -> Schema:
        """Parse the JSON text that the driver serves, or that a capture holds.

        Raises:
            BadSchema: it is damaged.
            SchemaTooNew: it has types that this package does not know, or a newer ABI.
            VersionMismatch: it is of an older ABI.
        """
        try:
            return cls(text if isinstance(text, str) else text.decode("utf-8"))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise BadSchema(f"{type(error).__name__}: {error}") from error

    def profile(self, letter: str = "D") -> tuple[str, ...]:
        """Names of the events of a profile: "D" default, "S" sandbox (with all of D)."""
        wanted = {"D"} if letter == "D" else {"D", letter}
        return tuple(event.name for event in self.events.values() if event.profile in wanted)

    def event(self, name: str) -> EventSchema:
        """The event of that name.

        Raises:
            UnknownEvent: there is none.
        """
        try:
            return self.events[name]
        except KeyError:
            from difflib import get_close_matches

            # "exec" is the beginning of execve, though kexec is as near.
            begun = [event for event in self.events if name and event.startswith(name)]
            nearest = get_close_matches(name, begun or self.events, 1, 0.5)
            raise UnknownEvent(name, nearest[0] if nearest else None, self.events) from None

    def parse_record(self, raw: bytes) -> Any:
        """Parse one record by construct alone: the slow, plain way.

        Returns:
            A construct Container: header, process (None for records that no task made) and data.

        Raises:
            BadRecord: the bytes are no record.
        """
        if len(raw) < uapi.Header.sizeof():
            raise BadRecord(f"{len(raw)} bytes are less than a header")
        header = uapi.Header.parse(raw)
        event = self.by_id.get(header.event)
        if event is None:
            raise BadRecord(f"event {header.event} is not in the schema")
        if header.length != len(raw):
            raise BadRecord(f"{event.name} of {len(raw)} bytes calls itself {header.length} bytes long")
        try:
            return event.struct.parse(raw)
        except ConstructError as error:
            raise BadRecord(f"{event.name}: {error}") from error

    def _event(self, row: dict[str, Any]) -> EventSchema:
        identity, name, size, has_context = row["id"], row["name"], row["size"], row["context"]
        _check_name(name, "an event")
        right = isinstance(identity, int) and isinstance(size, int) and isinstance(has_context, bool)
        if not (right and 0 < identity < uapi.EVENT_MAX and 0 < size <= uapi.RECORD_MAX):
            raise BadSchema(f"event {name}: id {identity}, size {size}, context {has_context}")
        begin = self._context_end if has_context else self._header.sizeof()
        taken = _TAKEN | {f.attribute for f in self.context}
        fields = _fields(row["fields"], name, taken)
        parts = ["header" / self._header]
        if has_context:
            parts.append("process" / self._context)
        parts.append("data" / self._struct(fields, begin, size, _HALF))
        return EventSchema(
            identity, name, str(row["profile"]), str(row["doc"]), size, has_context, fields, Struct(*parts)
        )

    def _struct(self, fields: Sequence[Field], begin: int, end: int, first_bit: int | None) -> AnyConstruct:
        """The Struct of fields that lie in [begin, end), with paddings; first_bit: of the first field."""
        parts: list[AnyConstruct] = []
        for number, item in enumerate(fields):
            if item.offset < begin:
                raise BadSchema(f"{item.name} lies on what is before it")
            parts += _padding(item.offset - begin)
            shape = self._shape(item, fields[:number], first_bit)
            parts.append(item.name / shape)
            begin = item.offset + _size(item)
        if begin > end:
            raise BadSchema(f"fields that end at {begin}, beyond {end}")
        if first_bit is not None and len(fields) > _HALF:
            raise SchemaTooNew(f"{len(fields)} fields")
        struct = Struct(*parts, *_padding(end - begin))
        return struct if first_bit is None else shapes.Section(struct, first_bit, [f.name for f in fields])

    def _shape(self, item: Field, before: Sequence[Field], first_bit: int | None) -> AnyConstruct:
        if item.type in _INTEGERS:
            return _INTEGERS[item.type]
        if first_bit is None and _is_reference(item):
            raise BadSchema(f"{item.name} of a structure is no number and no array")
        if item.type in _REFERENCES:
            return _REFERENCES[item.type]()
        kind, _, name = item.type.partition(":")
        if kind == "list":
            if name not in self.items:
                raise BadSchema(f"{item.name} is a list of unknown {name}")
            return shapes.List(name, self.items[name])
        if item.type.startswith("char"):
            return shapes.Text(_size(item))
        if item.format == "ip":
            number = _family_of(item.name, before)
            if number is None:
                return shapes.Address(_size(item), None, None)
            bit = None if first_bit is None else first_bit + number
            return shapes.Address(_size(item), before[number].name, bit)
        return shapes.Blob(_size(item))


_REFERENCES: dict[str, Callable[[], AnyConstruct]] = {"str": shapes.Reference, "vec": shapes.Vector}


def _load(text: str) -> Any:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadSchema(f"no JSON: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("abi"), int):
        raise BadSchema("no JSON object with an abi")
    return data


def _check_name(name: Any, where: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadSchema(f"{where} has the name {name!r}")


def _fields(rows: Iterable[Sequence[Any]], where: str, taken: Iterable[str] = ()) -> tuple[Field, ...]:
    """Check the rows; a row may be longer than this package knows."""
    fields: dict[str, Field] = {}
    used = set(taken)
    for name, kind, offset, form, doc, *_ in rows:
        _check_name(name, where)
        if not isinstance(offset, int) or not 0 <= offset < uapi.RECORD_MAX:
            raise BadSchema(f"{where}: {name} lies at {offset!r}")
        if name in fields:
            raise BadSchema(f"{where} has two fields {name}")
        attribute = name
        while attribute in used or keyword.iskeyword(attribute):
            attribute += "_"
        used.add(attribute)
        fields[name] = Field(name, str(kind), offset, str(form), str(doc), attribute)
        _size(fields[name])
    return tuple(fields.values())


def _size(item: Field) -> int:
    """Bytes in the fixed part.  SchemaTooNew: the type is not known."""
    if item.type in _INTEGERS:
        return _INTEGERS[item.type].sizeof()
    if _is_reference(item):
        return uapi.Ref.sizeof()
    array = _ARRAY.fullmatch(item.type)
    if array is None:
        raise SchemaTooNew(f"{item.name} is of type {item.type}")
    return int(array[2])


def _is_reference(item: Field) -> bool:
    return item.type in _REFERENCES or item.type.startswith("list:")


def _padding(length: int) -> list[AnyConstruct]:
    return [Padding(length)] if length else []


def _family_of(name: str, before: Sequence[Field]) -> int | None:
    """Which integer says what kind of address name is: family for remote_address, x_family for x_address."""
    match = _ADDRESS.fullmatch(name)
    family = f"{match[1]}family" if match else ""
    return next((i for i, f in enumerate(before) if f.name == family and f.type in _INTEGERS), None)


def _check_header(fields: Sequence[Field], size: Any) -> None:
    """The header may have grown at its end; what this package knows of it must be there."""
    offset = 0
    for number, member in enumerate(uapi.Header.subcons):
        known = (member.name, member.sizeof(), offset)
        if (
            number >= len(fields)
            or (fields[number].name, _size(fields[number]), fields[number].offset) != known
        ):
            raise BadSchema(f"the header lacks {member.name} at {offset}")
        offset += member.sizeof()
    if not isinstance(size, int) or not offset <= size <= uapi.RECORD_MAX:
        raise BadSchema(f"a header of {size!r} bytes")
