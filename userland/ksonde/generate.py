# SPDX-License-Identifier: GPL-2.0-only
"""The decoders' source text, from the schema's construct Structs.

construct walks its parts for every record; here they are walked once and written down as Python source: for
each event a class whose slots are the record's fixed fields, and a function that fills them by one unpack().
Text, vectors, lists and addresses stay bytes until they are asked for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from construct import FormatField, Renamed

from . import shapes, uapi

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .schema import EventSchema, Field, Schema
    from .shapes import AnyConstruct

__all__ = ["codes", "generate"]


class _Part(NamedTuple):
    """A named part of a record's Struct, as the generator needs it."""

    name: str
    attribute: str
    shape: AnyConstruct
    bit: int
    doc: str

    @property
    def kept_raw(self) -> bool:
        """Whether its slot holds raw bytes or a reference, which a property converts."""
        return not isinstance(self.shape, (FormatField, shapes.Blob)) or isinstance(
            self.shape, shapes.Address
        )

    @property
    def slot(self) -> str:
        return f"_{self.attribute}" if self.kept_raw else self.attribute


def generate(schema: Schema) -> str:
    """The Python source of a schema's decoders."""
    lines = ["# Generated from the schema of driver " + repr(schema.driver) + "."]
    names = []
    for event in schema.events.values():
        lines += _event(event, schema.context)
        names.append(event.name)
    lines += ["", ""]
    lines += ["CLASSES = {", *(f"    {name!r}: {_class_name(name)}," for name in names), "}"]
    lines += ["DECODERS = {", *(f"    {schema.events[name].id}: decode_{name}," for name in names), "}"]
    return "\n".join(lines) + "\n"


def _event(event: EventSchema, context: Sequence[Field]) -> Iterator[str]:
    """The class and the function of one event."""
    sections = {part.name: part.subcon for part in event.struct.subcons}
    process = list(_parts(sections["process"], context)) if event.has_context else []
    data = list(_parts(sections["data"], event.fields))
    parts = process + data
    yield from ("", "", f"class {_class_name(event.name)}(Record):", f"    {event.doc!r}", "")
    slots = ["flags", "cpu", "_hook", "seq", "time", "absent", *(part.slot for part in parts), "raw"]
    yield from _list("    __slots__ = (", (f"{slot!r}," for slot in slots), ")")
    yield from (f"    event = {event.name!r}", f"    id = {event.id}")
    if not event.has_context:
        yield from (f"    {field.attribute} = None" for field in context)
    yield from ("", "    @property", "    def hook(self):")
    yield f"        return None if self._hook == {uapi.NO_HOOK:#x} else self._hook"
    for section in (process, data):
        for part in section:
            if part.kept_raw:
                yield from _property(part, section)
    yield from _to_dict(process, data)
    yield from ("", "", *_function(event, sections, parts))


def _function(event: EventSchema, sections: dict[str, Any], parts: list[_Part]) -> Iterator[str]:
    """The function that makes a record of bytes."""
    layout = "".join(codes(section) for section in sections.values())
    class_name = _class_name(event.name)
    yield f"{event.name}_format = Format('<{layout}')"
    yield from _list(f"{event.name}_absent = AbsentNames((", _absent_names(parts), "))")
    yield from ("", "", f"def decode_{event.name}(raw, unpack={event.name}_format.unpack_from, new=new):")
    yield f"    if len(raw) < {event.size}:"
    yield f"        raise BadRecord(f'{{len(raw)}} bytes are less than {event.name} has')"
    yield f"    record = new({class_name})"
    names = ["flags", "cpu", "_hook", "seq", "time", "absent", *(part.slot for part in parts)]
    yield from _list("    (", ("length,", "_,", *(f"record.{name}," for name in names)), ") = unpack(raw)")
    yield "    if length != len(raw):"
    yield f"        raise BadRecord(f'{event.name} of {{len(raw)}} bytes calls itself {{length}} bytes long')"
    references = [part.slot for part in parts if isinstance(part.shape, shapes.Reference)]
    if references:
        checks = [f"(record.{slot} & 0xffff) + (record.{slot} >> 16) > length" for slot in references]
        yield from _list("    if (", [checks[0], *(f"or {check}" for check in checks[1:])], "):")
        yield f"        raise BadRecord('{event.name}: a reference leads out of the record')"
    yield "    record.raw = raw"
    mask = sum(1 << part.bit for part in parts if not part.kept_raw)
    yield f"    absent = record.absent & {mask:#x}"
    yield "    if absent:"
    yield f"        for name in {event.name}_absent[absent]:"
    yield "            setattr(record, name, None)"
    yield "    return record"


def _property(part: _Part, section: list[_Part]) -> Iterator[str]:
    """The property that converts a part of a section when it is asked for."""
    yield from ("", "    @property", f"    def {part.attribute}(self):", f"        {part.doc!r}")
    yield f"        if self.absent & {1 << part.bit:#x}:"
    yield "            return None"
    if isinstance(part.shape, shapes.Reference):
        yield f"        start = self.{part.slot} & 0xffff"
        yield f"        data = self.raw[start : start + (self.{part.slot} >> 16)]"
    if isinstance(part.shape, shapes.List):
        yield f"        return {part.shape.name}_list(data)"
    elif isinstance(part.shape, shapes.Vector):
        yield "        return vector(data)"
    elif isinstance(part.shape, shapes.Reference):
        yield "        return data.decode('utf-8', 'surrogateescape')"
    elif isinstance(part.shape, shapes.Address):
        family = next((f"self.{p.attribute}" for p in section if p.name == part.shape.family), "None")
        yield f"        return address(self.{part.slot}, {family})"
    else:
        yield f"        return self.{part.slot}.split(NUL, 1)[0].decode('utf-8', 'surrogateescape')"


def _to_dict(process: list[_Part], data: list[_Part]) -> Iterator[str]:
    yield from ("", "    def to_dict(self):", "        return {")
    yield from (f"            {name!r}: self.{name}," for name in ("event", "id", "time", "cpu", "seq"))
    yield "            'flags': flag_names(self.flags),"
    for key, parts in (("process", process), ("data", data)):
        yield from _list(f"            {key!r}: {{", (_item(part) for part in parts), "},")
    yield "        }"


def _item(part: _Part) -> str:
    """An entry of the dict that to_dict() makes."""
    value = f"self.{part.attribute}"
    if isinstance(part.shape, shapes.List):
        value = f"dicts({value})"
    elif isinstance(part.shape, shapes.Blob) and not isinstance(part.shape, shapes.Address):
        value = f"hexadecimal({value})"
    return f"{part.name!r}: {value},"


def _absent_names(parts: list[_Part]) -> Iterator[str]:
    return (f"({part.bit}, {part.slot!r})," for part in parts if not part.kept_raw)


def _parts(section: Any, fields: Sequence[Field]) -> Iterator[_Part]:
    """The named parts of a section's Struct."""
    by_name = {field.name: field for field in fields}
    for part in section.subcon.subcons:
        if part.name is not None:
            field = by_name[part.name]
            bit = section.first + section.names.index(part.name)
            yield _Part(part.name, field.attribute, part.subcon, bit, field.doc)


def codes(shape: Any) -> str:
    """The struct module's code of a part of fixed size: integers, bytes, references as one u32, paddings."""
    if isinstance(shape, (Renamed, shapes.Section)):
        return codes(shape.subcon)
    if isinstance(shape, FormatField):
        return str(shape.fmtstr).lstrip("<")
    if isinstance(shape, shapes.Reference):
        return "I"
    if isinstance(shape, (shapes.Text, shapes.Blob)):
        return f"{shape.sizeof()}s"
    if hasattr(shape, "subcons"):
        return "".join(codes(part) for part in shape.subcons)
    return f"{shape.sizeof()}x"


def _list(begin: str, items: Iterable[str], end: str) -> Iterator[str]:
    """A bracketed list, one item a line."""
    indent = " " * (len(begin) - len(begin.lstrip()))
    yield begin
    for item in items:
        yield f"{indent}    {item}"
    yield indent + end


def _class_name(event: str) -> str:
    """create_file: CreateFileRecord.  No two events have the same: each capital stands for one "_x"."""
    return re.sub(r"(?:^|_)([a-z])", lambda match: match[1].upper(), event) + "Record"
