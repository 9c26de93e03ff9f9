# SPDX-License-Identifier: GPL-2.0-only
"""The protocol of uapi.py is that of the C header: both are asked, field by field."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from construct import Array

from ksonde import rules, uapi

LKM = Path(__file__).resolve().parents[2] / "driver" / "LKM"

STRUCTS = {
    "ksonde_header": uapi.Header,
    "ksonde_ref": uapi.Ref,
    "ksonde_ancestor": uapi.Ancestor,
    "ksonde_info": uapi.Info,
    "ksonde_schema": uapi.SchemaText,
    "ksonde_hook_info": uapi.HookInfo,
    "ksonde_inspect": uapi.InspectText,
    "ksonde_events": uapi.Events,
    "ksonde_filter": uapi.Filter,
    "ksonde_rule": uapi.Rule,
    "ksonde_rules": uapi.Rules,
    "ksonde_rule_stats": uapi.RuleStats,
    "ksonde_port_scan": uapi.PortScan,
    "ksonde_limit": uapi.Limit,
    "ksonde_limits": uapi.Limits,
    "ksonde_ring_setup": uapi.RingSetup,
    "ksonde_stats": uapi.Stats,
    "ksonde_event_stats": uapi.EventStats,
    "ksonde_cpu_stats": uapi.CpuStats,
    "ksonde_control": uapi.Control,
    "ksonde_position": uapi.Position,
}
VALUES: dict[str, int] = {
    "KSONDE_ABI": uapi.ABI,
    "KSONDE_SCHEMA": uapi.SCHEMA,
    "KSONDE_RECORD_MAX": uapi.RECORD_MAX,
    "KSONDE_VECTOR_MAX": uapi.VECTOR_MAX,
    "KSONDE_STRING_MAX": uapi.STRING_MAX,
    "KSONDE_ANCESTORS_MAX": uapi.ANCESTORS_MAX,
    "KSONDE_EVENT_MAX": uapi.EVENT_MAX,
    "KSONDE_RULES_MAX": uapi.RULES_MAX,
    "KSONDE_RULE_EXE_MAX": uapi.RULE_EXE_MAX,
    "KSONDE_RULE_NONE": uapi.RULE_NONE,
    "KSONDE_PORT_SCAN_KEPT": uapi.PORT_SCAN_KEPT,
    "KSONDE_PORT_SCAN_WINDOW_MAX": uapi.PORT_SCAN_WINDOW_MAX,
    "KSONDE_LIMITS_MAX": uapi.LIMITS_MAX,
    "KSONDE_LIMIT_MAX": uapi.LIMIT_MAX,
    "KSONDE_LIMIT_PROCESSES": uapi.LIMIT_PROCESSES,
    "KSONDE_INSPECT_MAX": uapi.INSPECT_MAX,
    "KSONDE_DROP_REASONS": uapi.DROP_REASONS,
    "KSONDE_DROP_PLACES": uapi.DROP_PLACES,
    "KSONDE_MMAP_OFFSET(2, 5)": uapi.mmap_offset(uapi.Region.DATA, 5),
    "KSONDE_MMAP_OFFSET(1, 65535)": uapi.mmap_offset(uapi.Region.POSITION, 65535),
    **{f"KSONDE_IOC_{member.name}": member.value for member in uapi.Ioctl},
    **{f"KSONDE_F_{member.name}": member.value for member in uapi.Flag},
    **{f"KSONDE_HOOK_{member.name}": member.value for member in uapi.HookState},
    **{f"KSONDE_MECH_{member.name}": member.value for member in uapi.Mechanism},
    **{f"KSONDE_FILTER_{member.name}": member.value for member in uapi.FilterFlag},
    **{f"KSONDE_RULE_{member.name}": member.value for member in uapi.RuleAction},
    **{f"KSONDE_MATCH_{member.name}": member.value for member in uapi.Match},
    **{f"KSONDE_PORT_SCAN_{member.name}": member.value for member in uapi.PortScanSet},
    **{f"KSONDE_INSPECT_{member.name}": member.value for member in uapi.Inspect},
    **{f"KSONDE_RING_{member.name}": member.value for member in uapi.RingMode},
    **{f"KSONDE_DROP_{member.name}": member.value for member in uapi.DropReason},
    **{f"KSONDE_REGION_{member.name}": member.value for member in uapi.Region},
}


def _members(struct: Any) -> list[tuple[str, int, int]]:
    """Name, offset and size of each member."""
    offset, found = 0, []
    for member in struct.subcons:
        found.append((member.name, offset, member.sizeof()))
        offset += member.sizeof()
    return found


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """What the C compiler makes of the header, by expression."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    assert compiler is not None, "a C compiler is needed"
    expressions = list(VALUES)
    for name, struct in STRUCTS.items():
        expressions.append(f"sizeof(struct {name})")
        for member, _, _ in _members(struct):
            expressions.append(f"offsetof(struct {name}, {member})")
            expressions.append(f"sizeof(((struct {name} *)0)->{member})")
    lines = "".join(f'printf("%llu\\n", (unsigned long long)({e}));\n' for e in expressions)
    directory = tmp_path_factory.mktemp("uapi")
    source, program = directory / "uapi.c", directory / "uapi"
    source.write_text(
        "#include <stdio.h>\n#include <stddef.h>\n#include <ksonde.h>\nint main(void) {\n"
        + lines
        + "return 0; }\n"
    )
    subprocess.run([compiler, "-I", LKM / "uapi", "-o", program, source], check=True)
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return dict(zip(expressions, map(int, output.split())))


@pytest.mark.parametrize("name", VALUES)
def test_value(compiled: dict[str, int], name: str) -> None:
    assert VALUES[name] == compiled[name]


@pytest.mark.parametrize("name", STRUCTS)
def test_struct(compiled: dict[str, int], name: str) -> None:
    struct = STRUCTS[name]
    assert struct.sizeof() == compiled[f"sizeof(struct {name})"]
    for member, offset, size in _members(struct):
        assert offset == compiled[f"offsetof(struct {name}, {member})"], member
        assert size == compiled[f"sizeof(((struct {name} *)0)->{member})"], member


def test_nothing_of_the_header_is_missing() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((LKM / "uapi").glob("*.h")))
    names = {
        line.split()[1] for line in text.splitlines() if line.startswith("struct ksonde_") and "{" in line
    }
    assert names == set(STRUCTS)
    constants = {
        line.split()[1].split("(")[0] for line in text.splitlines() if line.startswith("#define KSONDE_")
    }
    constants |= {
        line.split()[0] for line in text.splitlines() if line.startswith("\tKSONDE_") and " = " in line
    }
    known = {name.split("(")[0] for name in VALUES}
    assert constants - known == {"KSONDE_DEVICE_NAME", "KSONDE_IOC_MAGIC"}


def test_pack_fills_in_the_size_and_zeros() -> None:
    data = uapi.pack(uapi.Filter, flags=2, tree_tgid=77)
    assert uapi.Filter.parse(bytes(data)) == {"size": 16, "flags": 2, "skip_tgid": 0, "tree_tgid": 77}


def test_rules_know_how_long_a_path_can_be() -> None:
    assert rules.EXE_MAX == uapi.RULE_EXE_MAX


def test_pack_takes_arrays() -> None:
    data = uapi.pack(uapi.Events, mask=[1] * 16)
    assert len(data) == 8 + Array(16, uapi.Events.mask.subcon.subcon).sizeof()
