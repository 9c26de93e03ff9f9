# SPDX-License-Identifier: GPL-2.0-only
"""The schema that the tests use is what the driver's rows become in C."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from support import EVENTS, HEADER_SIZE, RecordBuilder, schema_text


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """sizeof and offsetof of the driver's own structures, by expression."""
    schema = json.loads(schema_text())
    expressions = ["sizeof(struct ks_context)", "sizeof(struct ksonde_header)"]
    expressions += [f"offsetof(struct ks_context, {field[0]})" for field in schema["context"]]
    for event in schema["events"]:
        name = event["name"]
        expressions.append(f"sizeof(struct ks_event_{name})")
        expressions += [f"offsetof(struct ks_event_{name}, {field[0]})" for field in event["fields"]]
    lines = "".join(f'printf("%zu\\n", {e});\n' for e in expressions)
    directory = tmp_path_factory.mktemp("support")
    source, program = directory / "support.c", directory / "support"
    source.write_text(
        "#include <stdio.h>\n#include <stddef.h>\n#define __aligned(n) __attribute__((aligned(n)))\n"
        '#include "events.h"\nint main(void) {\n' + lines + "return 0; }\n"
    )
    # linux/stddef.h of user space has no offsetof, which <stddef.h> gives.
    compiler = shutil.which("gcc") or "cc"
    subprocess.run([compiler, "-I", EVENTS, "-o", program, source], check=True)
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return dict(zip(expressions, map(int, output.split())))


def test_context(layout: dict[str, int]) -> None:
    schema = json.loads(schema_text())
    assert layout["sizeof(struct ksonde_header)"] == schema["header_size"] == HEADER_SIZE
    assert layout["sizeof(struct ks_context)"] == 120
    assert len(schema["context"]) == 23
    for name, _, offset, *_ in schema["context"]:
        assert offset == HEADER_SIZE + layout[f"offsetof(struct ks_context, {name})"], name


def test_events(layout: dict[str, int]) -> None:
    for event in json.loads(schema_text())["events"]:
        name = event["name"]
        assert event["size"] == layout[f"sizeof(struct ks_event_{name})"], name
        for field, _, offset, *_ in event["fields"]:
            assert offset == layout[f"offsetof(struct ks_event_{name}, {field})"], field


def test_all_rows_are_read() -> None:
    for path in Path(EVENTS).glob("*.def"):
        rows = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("KS_")]
        assert all(line.endswith(")") for line in rows), path
    docs = [field[4] for event in json.loads(schema_text())["events"] for field in event["fields"]]
    assert "host byte order" in docs


def test_a_record_is_a_multiple_of_8() -> None:
    raw = RecordBuilder().build("lost", {"count": 1})
    assert len(raw) == 72
    with pytest.raises(AssertionError, match="has no"):
        RecordBuilder().build("lost", {"nothing": 1})
