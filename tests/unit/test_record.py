# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from ksonde import uapi
from ksonde.decoder import Decoder
from ksonde.record import FLAG_NAMES, flag_names
from ksonde.schema import Schema
from support import CONNECT, PROCESS, build_record, schema_text

DECODER = Decoder(Schema.parse(schema_text()))


def test_flag_names_are_those_of_the_protocol() -> None:
    assert [flag.name.lower() for flag in uapi.Flag if flag.name] == list(FLAG_NAMES)
    for bit, flag in enumerate(uapi.Flag):
        assert flag.value == 1 << bit


def test_flag_names() -> None:
    assert flag_names(0) == []
    assert flag_names(0x8009) == ["truncated", "kthread", "bit15"]
    flag_names(0x8009).append("mine")
    assert flag_names(0x8009) == ["truncated", "kthread", "bit15"]


def test_records_are_equal_when_their_bytes_are() -> None:
    raw = build_record("connect", CONNECT, PROCESS)
    first, second = DECODER.decode(raw), DECODER.decode(bytes(bytearray(raw)))
    assert first == second
    assert len({first, second}) == 1
    assert first != DECODER.decode(build_record("connect", CONNECT, PROCESS, seq=1))
    assert first != raw


def test_repr_tells_what_happened() -> None:
    text = repr(DECODER.decode(build_record("exit", {"code": 3}, PROCESS, cpu=1, seq=2, time=3)))
    assert text.startswith("<exit cpu=1 seq=2 time=3 code=3, signal=None")


def test_flags() -> None:
    assert not DECODER.decode(build_record("exit")).truncated
    assert not DECODER.decode(build_record("exit")).compat
    assert DECODER.decode(build_record("exit", flags=1)).truncated
    assert DECODER.decode(build_record("exit", flags=2)).compat
