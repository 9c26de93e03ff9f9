# SPDX-License-Identifier: GPL-2.0-only
"""A driver in memory: the schema text that the module serves, and records as it would write them.

The schema is made from the rows of driver/LKM/events/*.def, by the rules of C (natural alignment); records
are laid out by hand with the struct module, so that neither shares code with what is tested.

    text = schema_text()
    raw = build_record(text, "connect", {"family": 2, "remote_port": 80}, {"tgid": 42, "exe": "/bin/nc"})
"""

from __future__ import annotations

import json
import re
import struct
from functools import cache
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).resolve().parents[2] / "driver" / "LKM" / "events"

HEADER_SIZE = 40
NO_HOOK = 0xFFFFFFFF

_HEADER = [
    ["length", "u32", 0, "bytes", "this header included, multiple of 8"],
    ["event", "u16", 4, "event", "id of the event"],
    ["flags", "u16", 6, "hex", "KSONDE_F_*"],
    ["cpu", "u32", 8, "", "CPU it was recorded on"],
    ["hook", "u32", 12, "", "index of the hook"],
    ["seq", "u64", 16, "", "per CPU and session"],
    ["time", "u64", 24, "boottime", "CLOCK_BOOTTIME, ns"],
    ["absent", "u64", 32, "hex", "fields without a value"],
]
_STRUCTS = {
    "ancestor": {
        "size": 32,
        "fields": [
            ["start_time", "u64", 0, "boottime", ""],
            ["tgid", "u32", 8, "", ""],
            ["reserved", "u32", 12, "", ""],
            ["comm", "char[16]", 16, "", ""],
        ],
    }
}
_CODES = {"u16": "H", "u32": "I", "u64": "Q", "s32": "i", "s64": "q"}
_ROW = re.compile(r"^KS_(\w+)\((.*)\)$", re.MULTILINE)
_INCLUDE = re.compile(r'^#include "(\w+\.def)"$', re.MULTILINE)
_ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,\s]+)')


def _rows(name: str) -> list[tuple[str, list[str]]]:
    """The rows of a .def file: what KS_ is followed by, and the arguments."""
    text = _INCLUDE.sub(
        lambda match: (EVENTS / match[1]).read_text(encoding="utf-8"),
        (EVENTS / name).read_text(encoding="utf-8"),
    )
    return [
        (kind, [quoted or plain for quoted, plain in _ARGUMENT.findall(arguments)])
        for kind, arguments in _ROW.findall(text)
    ]


def _field(kind: str, arguments: list[str]) -> tuple[str, str, int, int, str, str]:
    """Name, type, size, alignment, format, doc."""
    name, form, doc = arguments[0], arguments[-2], arguments[-1]
    plain = kind.lower()
    if plain in _CODES:
        size = struct.calcsize("<" + _CODES[plain])
        return name, plain, size, size, form, doc
    if kind in ("STR", "VEC"):
        return name, plain, 4, 2, form, doc
    if kind == "LIST":
        return name, f"list:{arguments[1]}", 4, 2, form, doc
    count = int(arguments[1])
    return name, f"{'char' if kind == 'CHARS' else 'u8'}[{count}]", count, 1, form, doc


def _layout(rows: list[tuple[str, list[str]]], begin: int) -> tuple[list[list[Any]], int]:
    """Fields at their offsets, as C places them, and where the next one could begin."""
    fields: list[list[Any]] = []
    for kind, arguments in rows:
        name, type_, size, alignment, form, doc = _field(kind, arguments)
        begin += -begin % alignment
        fields.append([name, type_, begin, form, doc])
        begin += size
    return fields, begin


@cache
def schema_text() -> str:
    """The text that KSONDE_IOC_SCHEMA copies out."""
    context, end = _layout(_rows("context.def"), HEADER_SIZE)
    context_end = end + -end % 8
    files = re.findall(r'#include "(\w+\.def)"', (EVENTS / "all.def").read_text(encoding="utf-8"))
    events = []
    for file in files:
        (kind, (name, identity, profile, doc)), *rows = _rows(file)
        has_context = kind == "EVENT"
        fields, end = _layout(
            [row for row in rows if row[0] != "END"], context_end if has_context else HEADER_SIZE
        )
        events.append(
            {
                "id": int(identity),
                "name": name,
                "profile": profile,
                "context": has_context,
                "size": end + -end % 8,
                "doc": doc,
                "fields": fields,
            }
        )
    return json.dumps(
        {
            "abi": 1,
            "schema": 1,
            "driver": "0.1.0",
            "header": _HEADER,
            "header_size": HEADER_SIZE,
            "context": context,
            "structs": _STRUCTS,
            "events": events,
        }
    )


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")


class RecordBuilder:
    """Builds records of a schema; what is not given a value is absent (or zero, absent=False)."""

    def __init__(self, text: str | None = None) -> None:
        self.schema = json.loads(text if text is not None else schema_text())
        self.events = {event["name"]: event for event in self.schema["events"]}

    def build(
        self,
        name: str,
        data: dict[str, Any] | None = None,
        process: dict[str, Any] | None = None,
        *,
        cpu: int = 0,
        seq: int = 0,
        time: int = 1_000_000_000,
        flags: int = 0,
        hook: int = NO_HOOK,
        absent: bool = True,
    ) -> bytes:
        """The bytes of a record.

        Values: int for integers; str or bytes for text; a sequence of str or bytes for vectors; a sequence of
        dicts (start_time, tgid, comm) for lists; bytes for u8[N].
        """
        event = self.events[name]
        fixed = bytearray(event["size"])
        tail = bytearray()
        missing = 0
        sections = [(event["fields"], data or {}, 32)]
        if event["context"]:
            sections.append((self.schema["context"], process or {}, 0))
        for fields, values, first in sections:
            unknown = set(values) - {field[0] for field in fields}
            assert not unknown, f"{name} has no {unknown}"
            for number, (key, type_, offset, *_) in enumerate(fields):
                value = values.get(key)
                if value is None:
                    missing |= absent << (first + number)
                else:
                    self._put(fixed, tail, type_, offset, value)
        tail += bytes(-len(tail) % 8)
        struct.pack_into(
            "<IHHIIQQQ",
            fixed,
            0,
            len(fixed) + len(tail),
            event["id"],
            flags,
            cpu,
            hook,
            seq,
            time,
            missing,
        )
        return bytes(fixed + tail)

    def _put(self, fixed: bytearray, tail: bytearray, type_: str, offset: int, value: Any) -> None:
        if type_ in _CODES:
            struct.pack_into("<" + _CODES[type_], fixed, offset, value)
            return
        array = re.fullmatch(r"(?:char|u8)\[(\d+)\]", type_)
        if array:
            struct.pack_into(f"<{array[1]}s", fixed, offset, _bytes(value))
            return
        if type_ == "str":
            content = _bytes(value)
        elif type_ == "vec":
            content = b"".join(_bytes(item) + b"\0" for item in value)
        else:
            content = b"".join(
                struct.pack("<QII16s", item["start_time"], item["tgid"], 0, _bytes(item["comm"]))
                for item in value
            )
            tail += bytes(-len(tail) % 8)
        if content:
            struct.pack_into("<HH", fixed, offset, len(fixed) + len(tail), len(content))
            tail += content


def build_record(
    name: str, data: dict[str, Any] | None = None, process: dict[str, Any] | None = None, **header: Any
) -> bytes:
    """A record of the driver's own schema; see RecordBuilder.build()."""
    return _builder().build(name, data, process, **header)


@cache
def _builder() -> RecordBuilder:
    return RecordBuilder()


#: A process that acts, for records of tasks.
PROCESS: dict[str, Any] = {
    "tid": 4243,
    "tgid": 4242,
    "start_time": 123_456_789_000,
    "parent_start_time": 100_000_000_000,
    "parent_tgid": 4000,
    "pgid": 4242,
    "sid": 4000,
    "uid": 1000,
    "euid": 1000,
    "gid": 1000,
    "egid": 1000,
    "loginuid": 1000,
    "audit_session": 3,
    "mnt_ns": 4026531841,
    "pid_ns": 4026531836,
    "net_ns": 4026531840,
    "user_ns": 4026531837,
    "cap_effective": 0,
    "cgroup": 4711,
    "comm": "curl",
    "exe": "/usr/bin/curl",
    "hostname": "example",
    "tty": "pts/0",
}

#: A connection over IPv4.
CONNECT: dict[str, Any] = {
    "family": 2,
    "type": 1,
    "protocol": 6,
    "local_port": 40000,
    "remote_port": 443,
    "in_progress": 0,
    "local_address": bytes([127, 0, 0, 1]) + bytes(12),
    "remote_address": bytes([127, 0, 0, 2]) + bytes(12),
    "result": 0,
    "socket": 77,
}
