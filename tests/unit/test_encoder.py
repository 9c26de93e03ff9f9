# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from fakes import DECODER, SCHEMA, record
from ksonde.encoder import encode
from ksonde.record import FLAG_NAMES

EVENT = SCHEMA.event("lsm_hook")
VALUES = {
    "state": 1,
    "part": "lsm",
    "where": "file_open",
    "what": "a callback \udcff\u00e9",
    "symbol": "f",
    "symbol_offset": 1 << 63,
    "module": "evil",
    "in_kernel": 0,
    "address": 0xFFFFFFFFC0000000,
    "first_seen": 7,
    "position": 3,
    "lsm": "",
}


def test_as_the_driver_would_write_it() -> None:
    made = DECODER.decode(encode(EVENT, VALUES, 99))
    assert made.to_dict()["data"] == VALUES
    assert (made.event, made.time, made.cpu, made.seq, made.hook, made.flags) == (
        "lsm_hook",
        99,
        0,
        0,
        None,
        0,
    )
    assert made.to_dict() == record("lsm_hook", VALUES, time=99).to_dict()
    assert len(made.raw) % 8 == 0
    assert SCHEMA.parse_record(made.raw).data.where == "file_open"


def test_what_is_not_there_is_absent() -> None:
    wrong = {"state": 1 << 16, "in_kernel": -1, "part": 5, "first_seen": "x", "symbol": None, "nothing": 1}
    made = DECODER.decode(encode(EVENT, {**wrong, "where": "w"}, 1))
    assert {name for name, value in made.to_dict()["data"].items() if value is not None} == {"where"}


def test_a_long_text_is_cut() -> None:
    made = DECODER.decode(encode(EVENT, {"where": "x" * 5000}, 1))
    assert len(made.where) == 1024
    assert FLAG_NAMES[0] in made.to_dict()["flags"]


def test_types_that_nobody_makes() -> None:
    made = DECODER.decode(encode(SCHEMA.event("port_scan"), {"ports": ["1"], "remote_address": b"x"}, 1))
    assert (made.ports, made.remote_address) == (None, None)
