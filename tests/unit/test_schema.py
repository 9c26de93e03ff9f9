# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksonde.decoder import Decoder
from ksonde.errors import BadRecord, BadSchema, KsondeError, SchemaTooNew, UnknownEvent, VersionMismatch
from ksonde.schema import Schema
from support import RecordBuilder, build_record, schema_text

Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> str:
    data = json.loads(schema_text())
    change(data)
    return json.dumps(data)


def test_what_the_driver_serves() -> None:
    schema = Schema.parse(schema_text().encode())
    assert (schema.abi, schema.version, schema.driver) == (1, 1, "0.1.0")
    assert schema.text == schema_text()
    assert len(schema.context) == 23
    connect = schema.events["connect"]
    assert schema.by_id[42] is connect
    assert (connect.id, connect.profile, connect.size, connect.has_context) == (42, "D", 232, True)
    field = connect.fields[7]
    assert (field.name, field.type, field.format) == ("remote_address", "u8[16]", "ip")
    assert not schema.events["lost"].has_context
    assert list(schema.structs) == ["ancestor"]


def test_profiles() -> None:
    schema = Schema.parse(schema_text())
    assert {"connect", "execve", "create_file", "load_module", "update_cred"} <= set(schema.profile())
    assert {schema.events[name].profile for name in schema.profile()} == {"D"}
    assert {"exit", "fork", "open"} <= set(schema.profile("S")) - set(schema.profile())
    assert {schema.events[name].profile for name in schema.profile("S")} == {"D", "S"}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("conect", "connect"), ("exec", "execve"), ("load-module", "load_module"), ("zzz", None)],
)
def test_an_unknown_event_names_the_nearest(name: str, nearest: str | None) -> None:
    with pytest.raises(UnknownEvent) as caught:
        Schema.parse(schema_text()).event(name)
    assert caught.value.name == name
    assert caught.value.nearest == nearest
    assert "connect" in caught.value.known
    assert (nearest or "ksonde schema") in caught.value.hint


def test_names_that_are_taken_get_an_underscore() -> None:
    def change(data: dict[str, Any]) -> None:
        fields = data["events"][2]["fields"]
        assert data["events"][2]["name"] == "exit"
        for row, name in zip(fields, ("time", "class", "tgid", "to_dict", "time_")):
            row[0] = name

    schema = Schema.parse(changed(change))
    attributes = [field.attribute for field in schema.events["exit"].fields]
    assert attributes == ["time_", "class_", "tgid_", "to_dict_", "time__"]
    raw = RecordBuilder(schema.text).build("exit", {"time": 5, "tgid": 6, "time_": 7}, {"tgid": 8}, time=9)
    record = Decoder(schema).decode(raw)
    assert (record.time, record.time_, record.time__) == (9, 5, 7)
    assert (record.tgid, record.tgid_) == (8, 6)
    assert record.to_dict()["data"] == {"time": 5, "class": None, "tgid": 6, "to_dict": None, "time_": 7}


def test_names_in_structures() -> None:
    def change(data: dict[str, Any]) -> None:
        rows = [["count", "u64", 0, "", ""], ["class", "char[8]", 8, "", ""], ["raw", "u8[4]", 16, "", ""]]
        rows += [
            ["family", "u16", 20, "af", ""],
            ["address", "u8[4]", 22, "ip", ""],
            ["x", "u8[4]", 26, "ip", ""],
        ]
        data["structs"]["ancestor"]["fields"] = rows

    schema = Schema.parse(changed(change))
    comm = b"\1\2\3\4\2\0\x7f\0\0\1\x7f\0\0\1"
    ancestors = [{"start_time": 7, "tgid": 0x6968, "comm": comm}]
    raw = RecordBuilder().build("execve", {"ancestors": ancestors})
    record = Decoder(schema).decode(raw)
    (item,), (plain,) = record.ancestors, schema.parse_record(raw).data.ancestors
    assert item == (7, "hi", b"\1\2\3\4", 2, "127.0.0.1", "7f000001")
    assert item.class_ == "hi"
    assert item == tuple(plain[name] for name in ("count", "class", "raw", "family", "address", "x"))
    shown = json.loads(json.dumps(record.to_dict()))["data"]["ancestors"][0]
    assert (shown["raw"], shown["class_"]) == ("01020304", "hi")


def test_a_family_that_is_no_number_says_nothing_of_an_address() -> None:
    def change(data: dict[str, Any]) -> None:
        (event,) = (event for event in data["events"] if event["name"] == "execve")
        fields = {field[0]: field for field in event["fields"]}
        fields["ancestors"][0], fields["socket_local_address"][0] = "x_family", "x_address"
        event["fields"] = [fields["ancestors"], fields["socket_local_address"]]
        event["fields"].sort(key=lambda field: int(field[2]))
        assert event["fields"][0][0] == "x_family"

    schema = Schema.parse(changed(change))
    ancestors = [{"start_time": 1, "tgid": 2, "comm": b"a"}]
    data = {"ancestors": ancestors, "socket_local_address": bytes(16)}
    raw = RecordBuilder().build("execve", data, absent=False)
    assert Decoder(schema).decode(raw).x_address == schema.parse_record(raw).data.x_address == "00" * 16


# --------------------------------------------------------- newer drivers --


def test_a_newer_schema_may_have_more_of_everything() -> None:
    def change(data: dict[str, Any]) -> None:
        data["schema"] = 7
        data["something"] = {}
        event = data["events"][2]
        event["new"] = 1
        event["fields"].append(["more", "u32", event["size"], "new_format", "", "more columns"])
        event["size"] += 8
        data["events"].append({**event, "id": 1000, "name": "unheard_of"})

    schema = Schema.parse(changed(change))
    assert schema.version == 7
    record = Decoder(schema).decode(RecordBuilder(schema.text).build("unheard_of", {"more": 3}))
    assert record.more == 3


def test_a_header_may_grow() -> None:
    def change(data: dict[str, Any]) -> None:
        data["header_size"] = 48
        data["header"].append(["extra", "u64", 40, "", ""])
        for event in data["events"]:
            event["size"] += 8
            for field in event["fields"]:
                field[2] += 8
        for field in data["context"]:
            field[2] += 8

    schema = Schema.parse(changed(change))
    raw = RecordBuilder(schema.text).build("exit", {"code": 3}, {"tgid": 9, "exe": "/bin/x"})
    record = Decoder(schema).decode(raw)
    assert (record.code, record.tgid, record.exe) == (3, 9, "/bin/x")
    assert schema.parse_record(raw).process.exe == "/bin/x"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.update(abi=2), "ABI 2"),
        (lambda data: data["events"][0]["fields"][0].__setitem__(1, "u128"), "family is of type u128"),
        (lambda data: data["context"][0].__setitem__(1, "u8[0]"), "tid is of type"),
        (lambda data: data["structs"]["ancestor"]["fields"][0].__setitem__(1, "f64"), "f64"),
        (
            lambda data: data["events"][-1].update(
                fields=[[f"f{n}", "u16", 40 + 2 * n, "", ""] for n in range(33)], size=112
            ),
            "33 fields",
        ),
    ],
)
def test_too_new(change: Change, message: str) -> None:
    with pytest.raises(SchemaTooNew, match=message) as caught:
        Schema.parse(changed(change))
    assert "up to date" in caught.value.hint


def test_older() -> None:
    with pytest.raises(VersionMismatch, match="speaks ABI 0, this package ABI 1"):
        Schema.parse(changed(lambda data: data.update(abi=0)))


# -------------------------------------------------------- damaged schemas --


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"', "{}", '{"abi": "1"}', "[" * 100_000, b"\xff"])
def test_no_schema(text: str | bytes) -> None:
    with pytest.raises(BadSchema):
        Schema.parse(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.pop("events"), "events"),
        (lambda data: data["events"].append(data["events"][0]), "two events connect"),
        (lambda data: data["events"][0].update(name="Bad name"), "an event has the name 'Bad name'"),
        (lambda data: data["events"][0].update(name=None), "an event has the name None"),
        (lambda data: data["events"][0].update(id=5000), "id 5000"),
        (lambda data: data["events"][0].update(size=1 << 20), "size"),
        (lambda data: data["events"][0].update(size=240.0), "size 240.0"),
        (lambda data: data["events"][0].update(id=42.0), "id 42.0"),
        (lambda data: data["structs"]["ancestor"].update(size=32.0), "no size"),
        (lambda data: data["structs"]["ancestor"].update(size=10**15), "no size"),
        (lambda data: data["events"][0].update(size=180), "end at"),
        (lambda data: data["events"][0].update(size=100, fields=[]), "end at"),
        (
            lambda data: data["events"][0]["fields"].append(data["events"][0]["fields"][0]),
            "two fields family",
        ),
        (lambda data: data["events"][0]["fields"][1].__setitem__(2, 168), "lies on what is before"),
        (lambda data: data["events"][0]["fields"][1].__setitem__(2, -1), "lies at -1"),
        (lambda data: data["events"][0]["fields"][1].__setitem__(2, "1"), "lies at '1'"),
        (lambda data: data["events"][0]["fields"][1].__setitem__(0, "_x"), "has the name '_x'"),
        (lambda data: data["events"][0]["fields"].append(["x"]), "not enough values"),
        (lambda data: data["events"][0].update(fields=5), "not iterable"),
        (lambda data: data["events"][1]["fields"][9].__setitem__(1, "list:cousin"), "unknown cousin"),
        (
            lambda data: data["structs"]["ancestor"]["fields"][1].__setitem__(1, "str"),
            "no number and no array",
        ),
        (
            lambda data: data["structs"].update({"x(os.abort())": data["structs"]["ancestor"]}),
            "a structure has the",
        ),
        (
            lambda data: data["structs"]["ancestor"].update(fields=[], size=0),
            "ancestor has no fields, or no size",
        ),
        (lambda data: data["header"].pop(), "the header lacks absent"),
        (lambda data: data["header"][3].__setitem__(1, "u16"), "the header lacks cpu"),
        (lambda data: data.update(header_size=32), "a header of 32 bytes"),
        (lambda data: data.update(header_size="40"), "a header of '40' bytes"),
    ],
)
def test_damaged(change: Change, message: str) -> None:
    with pytest.raises(BadSchema, match=message):
        Schema.parse(changed(change))


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5000) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_any_damage_is_a_documented_error_or_harmless(data: st.DataObject) -> None:
    schema = json.loads(schema_text())
    place: Any = schema
    for _ in range(data.draw(st.integers(0, 6))):
        inner = place[data.draw(_key_of(place))]
        if not isinstance(inner, (dict, list)) or not inner:
            break
        place = inner
    place[data.draw(_key_of(place))] = data.draw(_json)
    try:
        found = Schema.parse(json.dumps(schema))
    except KsondeError:
        return
    decoder = Decoder(found)
    with suppress(BadRecord):
        decoder.decode(build_record("connect"))


def _key_of(place: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(sorted(place)) if isinstance(place, dict) else st.integers(0, len(place) - 1)


# --------------------------------------------------------- plain construct --


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"abc", "3 bytes are less than a header"),
        (build_record("exit")[:4] + b"\xff\0" + bytes(34), "event 255 is not in the schema"),
        (build_record("exit")[:80], "exit of 80 bytes calls itself 192 bytes long"),
        ((80).to_bytes(4, "little") + build_record("exit")[4:80], "exit: "),
    ],
)
def test_plain_construct_refuses(raw: bytes, message: str) -> None:
    with pytest.raises(BadRecord, match=message):
        Schema.parse(schema_text()).parse_record(raw)
