# SPDX-License-Identifier: GPL-2.0-only
"""Rings, schema and the reading of a process's memory."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hosted import build, run


@pytest.fixture(scope="session")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("ring"), "ring_test", ["core/ring.c"])


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("schema")
    return build(out, "schema_test", ["core/schema.c"], '-DKSONDE_VERSION="0.0.test"')


@pytest.mark.parametrize("case", ["full", "wrap", "overflow", "evict", "hostile"])
def test_ring(ring: Path, case: str) -> None:
    run(ring, case)


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("case", ["nested", "nested_overwrite", "nested_hostile"])
def test_ring_writers_that_interrupt_writers(ring: Path, case: str, seed: int) -> None:
    run(ring, case, str(seed))


SIZES = {"u16": 2, "u32": 4, "u64": 8, "s32": 4, "s64": 8, "str": 4, "vec": 4}


def size_of(kind: str) -> int:
    if kind.startswith("list:"):
        return 4
    array = re.fullmatch(r"(?:char|u8)\[(\d+)\]", kind)
    return int(array[1]) if array else SIZES[kind]


def test_schema_tells_what_the_compiler_made(schema: Path) -> None:
    text = json.loads(run(schema, "text"))
    layout: dict[str, dict[str, tuple[int, int]]] = {}
    for line in run(schema, "layout").splitlines():
        row, field, offset, size = line.split()
        layout.setdefault(row, {})[field] = (int(offset), int(size))

    def told(fields: list[list[Any]]) -> dict[str, tuple[int, int]]:
        return {name: (offset, size_of(kind)) for name, kind, offset, _format, _doc in fields}

    assert text["driver"] == "0.0.test"
    assert told(text["header"]) == layout.pop("header")
    assert told(text["context"]) == layout.pop("context")
    assert told(text["structs"]["ancestor"]["fields"]) == layout.pop("ancestor")
    assert text["structs"]["ancestor"]["size"] == 32
    assert len(text["context"]) <= 32, "a bit of `absent` each"
    for event in text["events"]:
        made = layout.pop(event["name"])
        assert made.pop(".") == (event["id"], event["size"])
        assert told(event["fields"]) == made
        assert len(event["fields"]) <= 32, "a bit of `absent` each"
        assert event["profile"] in ("D", "S", "-")
        assert event["context"] == (event["name"] not in ("lost", "session_state"))
    assert not layout


def test_schema_into_a_short_buffer(schema: Path) -> None:
    run(schema, "short")


@pytest.fixture(scope="session")
def user(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("user"), "user_test", ["context/user.c"])


@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("case", ["environment", "environment_missing", "vector", "string", "random"])
def test_memory_of_a_process(user: Path, case: str, seed: int) -> None:
    run(user, case, str(seed))
