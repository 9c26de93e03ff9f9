# SPDX-License-Identifier: GPL-2.0-only
"""The generated decoders against construct, which is the oracle."""

from __future__ import annotations

import json
import linecache
import os
import struct
import traceback
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ksonde.decoder import AbsentNames, Decoder
from ksonde.errors import BadRecord
from ksonde.record import Record
from ksonde.schema import Schema
from support import CONNECT, PROCESS, RecordBuilder, build_record, schema_text

SCHEMA = Schema.parse(schema_text())
DECODER = Decoder(SCHEMA)

often = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

_RANGES = {
    "u16": (0, 2**16 - 1),
    "u32": (0, 2**32 - 1),
    "u64": (0, 2**64 - 1),
    "s32": (-(2**31), 2**31 - 1),
    "s64": (-(2**63), 2**63 - 1),
}


def values_of(type_: str) -> st.SearchStrategy[Any]:
    """Values that a RecordBuilder takes for a field of that type."""
    if type_ in _RANGES:
        return st.integers(*_RANGES[type_])
    if type_ == "str":
        return st.binary(max_size=40)
    element = st.binary(max_size=10).map(lambda data: data.replace(b"\0", b""))
    if type_ == "vec":
        return st.lists(element, max_size=5)
    if type_.startswith("list"):
        keys = {"start_time": values_of("u64"), "tgid": values_of("u32"), "comm": st.binary(max_size=16)}
        return st.lists(st.fixed_dictionaries(keys), max_size=4)
    size = int(type_.split("[")[1][:-1])
    return st.binary(min_size=size, max_size=size)


def section(fields: list[list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={field[0]: values_of(field[1]) for field in fields})


@st.composite
def records(draw: st.DrawFn, text: str = schema_text()) -> bytes:
    """Any record of a schema, with any bits of absent."""
    builder = _builder(text)
    name = draw(st.sampled_from(sorted(builder.events)))
    event = builder.events[name]
    raw = bytearray(
        builder.build(
            name,
            draw(section(event["fields"])),
            draw(section(builder.schema["context"])) if event["context"] else None,
            cpu=draw(values_of("u32")),
            seq=draw(values_of("u64")),
            time=draw(values_of("u64")),
            flags=draw(values_of("u16")),
            hook=draw(values_of("u32") | st.just(0xFFFFFFFF)),
        )
    )
    mode = draw(st.sampled_from(["as built", "none", "any"]))
    if mode != "as built":
        struct.pack_into("<Q", raw, 32, 0 if mode == "none" else draw(values_of("u64")))
    return bytes(raw)


@cache
def _builder(text: str) -> RecordBuilder:
    return RecordBuilder(text)


@st.composite
def schemas(draw: st.DrawFn) -> str:
    """Any schema: fields of any type, with gaps between them."""

    def fields(begin: int, prefix: str) -> tuple[list[list[Any]], int]:
        found: list[list[Any]] = []
        for number, (type_, form, gap) in enumerate(draw(rows)):
            begin += gap
            name = draw(
                st.sampled_from(
                    ["family", "local_address", "address", "x_family", "x_address", "class", "class_", "hook"]
                )
            )
            if name in {row[0] for row in found}:
                name = f"{prefix}{number}"
            found.append([name, type_, begin, form, 'doc\'s "text" {x} \\ %s'])
            begin += 4 if type_ in ("str", "vec", "list:ancestor") else _size(type_)
        return found, begin

    types = [*_RANGES, "char[5]", "u8[16]", "u8[4]", "u8[3]", "str", "vec", "list:ancestor"]
    rows = st.lists(
        st.tuples(st.sampled_from(types), st.sampled_from(["", "ip"]), st.integers(0, 9)), max_size=8
    )
    schema = json.loads(schema_text())
    schema["context"], end = fields(40, "c")
    events = []
    for number in range(draw(st.integers(1, 3))):
        has_context = draw(st.booleans())
        own, own_end = fields(end if has_context else 40, "f")
        size = own_end + -own_end % 8
        events.append({"id": 700 + number, "name": f"event_{number}", "profile": "D", "context": has_context})
        events[-1].update(size=size, doc="", fields=own)
    schema["events"] = events
    return json.dumps(schema)


def _size(type_: str) -> int:
    return int(type_[1:]) // 8 if type_ in _RANGES else int(type_.split("[")[1][:-1])


def same(record: Record, parsed: Any, schema: Schema) -> None:
    """Assert that a decoded record says what construct says."""
    event = schema.by_id[parsed.header.event]
    assert (record.event, record.id) == (event.name, event.id)
    for name in ("flags", "cpu", "seq", "time", "absent"):
        assert getattr(record, name) == parsed.header[name]
    assert record.hook == (None if parsed.header.hook == 0xFFFFFFFF else parsed.header.hook)
    sections = [(event.fields, parsed.data)]
    if event.has_context:
        sections.append((schema.context, parsed.process))
    for fields, values in sections:
        for field in fields:
            value, expected = getattr(record, field.attribute), values[field.name]
            if field.type.startswith("list") and expected is not None:
                expected = [{k: v for k, v in item.items() if k in value[0]._fields} for item in expected]
                value = [item._asdict() for item in value]
            assert value == expected, field.name
            assert type(value) is type(expected) or field.type == "vec", field.name


def oracle(schema: Schema, raw: bytes) -> Any:
    """What construct makes of bytes; None: no record."""
    try:
        return schema.parse_record(raw)
    except BadRecord:
        return None


def check(decoder: Decoder, schema: Schema, raw: bytes) -> None:
    """Generated and plain decoding agree, in refusing as well."""
    parsed = oracle(schema, raw)
    if parsed is None:
        with pytest.raises(BadRecord):
            decoder.decode(raw)
    else:
        record = decoder.decode(raw)
        same(record, parsed, schema)
        json.dumps(record.to_dict())
        repr(record)


@often
@given(records())
def test_a_valid_record_is_what_construct_says(raw: bytes) -> None:
    same(DECODER.decode(raw), SCHEMA.parse_record(raw), SCHEMA)


@settings(often, max_examples=30)
@given(st.data())
def test_so_it_is_with_any_schema(data: st.DataObject) -> None:
    text = data.draw(schemas())
    schema = Schema.parse(text)
    decoder = Decoder(schema)
    for _ in range(3):
        raw = data.draw(records(text))
        same(decoder.decode(raw), schema.parse_record(raw), schema)
        json.dumps(decoder.decode(raw).to_dict())


@often
@given(st.binary(max_size=400))
def test_any_bytes_are_a_record_or_bad(data: bytes) -> None:
    check(DECODER, SCHEMA, data)


@often
@given(st.sampled_from(sorted(SCHEMA.by_id)), st.binary(min_size=34, max_size=500))
def test_any_bytes_behind_a_good_header(event: int, data: bytes) -> None:
    check(DECODER, SCHEMA, struct.pack("<IH", 6 + len(data), event) + data)


@often
@given(records(), st.data())
def test_a_damaged_record(raw: bytes, data: st.DataObject) -> None:
    damaged = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    check(DECODER, SCHEMA, bytes(damaged))
    check(DECODER, SCHEMA, raw[: data.draw(st.integers(0, len(raw)))])


@often
@given(records())
def test_compiled_construct_says_the_same(raw: bytes) -> None:
    event = SCHEMA.by_id[raw[4] | raw[5] << 8]
    parsed = _compiled(event.name).parse(raw)
    same(DECODER.decode(raw), parsed, SCHEMA)


@cache
def _compiled(name: str) -> Any:
    return SCHEMA.events[name].struct.compile()


# ------------------------------------------------------- one by one, by hand --


def test_connect() -> None:
    record = DECODER.decode(build_record("connect", CONNECT, PROCESS, cpu=3, seq=9, time=5, hook=4, flags=3))
    assert (record.event, record.id, record.cpu, record.seq, record.time, record.hook) == (
        "connect",
        42,
        3,
        9,
        5,
        4,
    )
    assert record.truncated
    assert record.compat
    assert record.local_address == "127.0.0.1"
    assert record.remote_address == "127.0.0.2"
    assert record.remote_port == 443
    assert record.scope_id is None
    assert record.path is None
    assert {name: getattr(record, name) for name in PROCESS} == PROCESS
    assert record.to_dict()["process"] == PROCESS
    assert record.to_dict()["flags"] == ["truncated", "compat"]


def test_ipv6() -> None:
    data = {**CONNECT, "family": 10, "remote_address": bytes(15) + b"\1", "scope_id": 2}
    record = DECODER.decode(build_record("connect", data))
    assert (record.remote_address, record.scope_id) == ("::1", 2)


def test_an_unknown_family_gives_bytes() -> None:
    record = DECODER.decode(build_record("connect", {**CONNECT, "family": 99}))
    assert record.local_address == "7f000001" + "00" * 12


def test_every_byte_arrives() -> None:
    name = b"\n\"'\x1e\x17\xff\xfe\xc3(" + bytes(range(1, 256))
    raw = build_record("execve", {"filename": name, "argv": [name, b"", name]}, {"exe": name})
    record = DECODER.decode(raw)
    assert os.fsencode(record.filename) == name
    assert [os.fsencode(item) for item in record.argv] == [name, b"", name]
    assert os.fsencode(record.exe) == name
    line = json.dumps(record.to_dict())
    assert line.isascii()
    assert os.fsencode(json.loads(line)["data"]["filename"]) == name


def test_ancestors() -> None:
    parents = [{"start_time": 7, "tgid": 8, "comm": "sh"}, {"start_time": 1, "tgid": 1, "comm": "x" * 16}]
    record = DECODER.decode(build_record("execve", {"ancestors": parents, "argv": ["a"]}))
    assert [item.comm for item in record.ancestors] == ["sh", "x" * 16]
    assert record.ancestors[0].tgid == 8
    assert record.to_dict()["data"]["ancestors"] == parents
    assert not hasattr(record.ancestors[0], "reserved")


def test_records_of_no_task_have_an_empty_context() -> None:
    record = DECODER.decode(build_record("lost", {"count": 7, "reason": 0}))
    assert record.tgid is None
    assert record.exe is None
    assert record.hook is None
    assert record.to_dict()["process"] == {}
    assert record.count == 7


def test_decode_all() -> None:
    raws = [build_record("exit", {"code": 1}), build_record("lost", {"count": 1})]
    assert [record.event for record in DECODER.decode_all(raws)] == ["exit", "lost"]
    unknown = bytearray(raws[0])
    unknown[4:6] = b"\x63\0"
    with pytest.raises(BadRecord, match="event 99 is not in the schema"):
        DECODER.decode_all([bytes(unknown)])
    with pytest.raises(BadRecord, match="event 99 is not in the schema"):
        DECODER.decode(bytes(unknown))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "0 bytes are less than a header"),
        (build_record("exit")[:80], "80 bytes are less than exit has"),
        (build_record("exit") + bytes(8), "exit of 200 bytes calls itself 192 bytes long"),
    ],
)
def test_bad_records(raw: bytes, message: str) -> None:
    with pytest.raises(BadRecord, match=message):
        DECODER.decode(raw)


def test_a_reference_must_lie_in_the_record() -> None:
    raw = bytearray(build_record("exit"))
    struct.pack_into("<HH", raw, 40 + 112, len(raw) - 3, 4)
    with pytest.raises(BadRecord, match="exit: a reference leads out"):
        DECODER.decode(bytes(raw))


def test_a_part_of_an_ancestor_is_left_out() -> None:
    raw = bytearray(build_record("execve", {"ancestors": [{"start_time": 7, "tgid": 8, "comm": "sh"}] * 2}))
    field = next(field for field in SCHEMA.events["execve"].fields if field.name == "ancestors")
    struct.pack_into("<H", raw, field.offset + 2, 40)
    assert len(DECODER.decode(bytes(raw)).ancestors) == 1
    assert len(SCHEMA.parse_record(bytes(raw)).data.ancestors) == 1


def test_the_generated_source_can_be_read_and_is_in_tracebacks() -> None:
    compile(DECODER.source, "source", "exec")
    assert "class ConnectRecord(Record):" in DECODER.source
    try:
        DECODER.decode(build_record("exit")[:80])
    except BadRecord as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        assert linecache.getline(frame.filename, frame.lineno or 0).strip().startswith("raise BadRecord")


def test_every_event_has_a_class() -> None:
    assert set(DECODER.classes) == set(SCHEMA.events)
    assert DECODER.classes["create_file"].__name__ == "CreateFileRecord"
    assert DECODER.classes["connect"].__doc__ == SCHEMA.events["connect"].doc


def test_absent_names_remember_a_bounded_number() -> None:
    names = AbsentNames([(bit, f"n{bit}") for bit in range(40)])
    assert names[0b101] == ("n0", "n2")
    for mask in range(6000):
        names[mask]
    assert len(names) == 4096
    assert names[5000] == names[5000]
