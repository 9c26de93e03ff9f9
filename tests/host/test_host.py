# SPDX-License-Identifier: GPL-2.0-only
"""Rings, schema and the reading of a process's memory."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hosted import HERE, build, run


@pytest.fixture(scope="session")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("ring"), "ring_test", ["core/ring.c"])


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("schema")
    return build(out, "schema_test", ["core/schema.c", "core/text.c"], '-DKSONDE_VERSION="0.0.test"')


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
        of_nobody = event["name"] in ("lost", "session_state", "port_scan") or 700 <= event["id"] < 720
        assert event["context"] == (not of_nobody)
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


DECODERS = [f"lsm/decode_{arch}.c" for arch in ("x86", "arm64", "riscv")]


@pytest.fixture(scope="session")
def decode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("decode"), "decode_test", DECODERS)


def decoded(program: Path, arch: str, functions: list[tuple[str, str]]) -> list[list[str]]:
    """For each (address, code): the bytes understood, and the references."""
    text = "".join(f"{address} {code}\n" for address, code in functions)
    done = subprocess.run([program, arch, "code"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = [line.split() for line in done.stdout.splitlines()]
    assert len(answers) == len(functions)
    return answers


KERNELS = [json.loads(path.read_text()) for path in sorted((HERE / "code").glob("*.json"))]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel["kernel"])
def test_decoder_against_objdump(decode: Path, kernel: dict[str, Any]) -> None:
    """Functions of real kernels; what they refer to was read off the output of objdump."""
    functions = [(function["address"], function["code"]) for function in kernel["functions"]]
    assert len(functions) >= 10
    for function, (understood, *refs) in zip(kernel["functions"], decoded(decode, kernel["arch"], functions)):
        assert int(understood) == len(function["code"]) // 2, function["name"]
        assert sorted(refs) == sorted(function["refs"]), function["name"]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel["kernel"])
def test_decoder_of_code_that_is_cut(decode: Path, kernel: dict[str, Any]) -> None:
    """Wherever it is cut: whole instructions only, and what they refer to is as before."""
    address, code = next(
        (f["address"], f["code"]) for f in kernel["functions"] if f["name"] == "security_file_open"
    )
    (_, *whole), *cut = decoded(
        decode, kernel["arch"], [(address, code[:end]) for end in range(len(code), 0, -2)]
    )
    known = {ref for ref in whole if ref[0] != "J"}
    for length, (understood, *refs) in zip(range(len(code) // 2 - 1, 0, -1), cut):
        assert length - 15 < int(understood) <= length
        assert {ref for ref in refs if ref[0] != "J"} <= known


@pytest.mark.parametrize(
    ("code", "understood"),
    [
        ("90c5f877", 1),  # AVX
        ("62f17c4858c0", 0),  # AVX-512
        ("0f0b0f04", 2),  # no instruction
        ("48488b05", 0),  # REX twice
        ("66" * 15 + "90", 0),  # longer than an instruction can be
        ("48b8" + "00" * 7, 0),  # cut
    ],
)
def test_decoder_does_not_guess(decode: Path, code: str, understood: int) -> None:
    assert decoded(decode, "x86", [("1000", code)]) == [[str(understood)]]


@pytest.mark.parametrize(
    ("code", "refs"),
    [
        ("488b0510000000", ["D:0:1017"]),  # mov 0x10(%rip), %rax
        ("488b042510000000", ["D:0:10"]),  # mov 0x10, %rax
        ("65488b0510000000", []),  # of this CPU
        ("48833d1000000000", ["D:0:1018"]),  # cmpq $0, 0x10(%rip): the end is behind the immediate
        ("e800000000", ["C:0:1005"]),
        ("e9fbffffff", []),  # a jump to itself
        ("0f84faffff7f", ["J:0:80001000"]),
    ],
)
def test_decoder_of_addresses(decode: Path, code: str, refs: list[str]) -> None:
    assert decoded(decode, "x86", [("1000", code)]) == [[str(len(code) // 2), *refs]]


def words(*instructions: int) -> str:
    """Instructions of arm64 as they lie in memory."""
    return b"".join(word.to_bytes(4, "little") for word in instructions).hex()


@pytest.mark.parametrize(
    ("instructions", "refs"),
    [
        ([0x90000000, 0xF9400813], ["D:4:10010"]),  # adrp x0, .; ldr x19, [x0, #16]
        ([0xB0000001, 0x91004020], ["D:4:11010"]),  # adrp x1, . + 4096; add x0, x1, #16
        ([0xF0FFFFE0, 0xB9400401], ["D:4:f004"]),  # adrp x0, . - 4096; ldr w1, [x0, #4]
        ([0x90000000, 0xF9000801, 0xF9400C02], ["D:4:10010", "D:8:10018"]),  # a store writes no register
        ([0x90000000, 0xF9400800, 0xF9400801], ["D:4:10010"]),  # the load itself writes x0
        ([0x90000000, 0x94000001, 0xF9400801], ["C:4:10008"]),  # a call does
        ([0x90000013, 0x94000001, 0xF9400A61], ["C:4:10008", "D:8:10010"]),  # but not x19
        ([0x90000000, 0xAA0103E0, 0xF9400801], []),  # mov x0, x1
        ([0xF9400801], []),  # nobody knows x0
        ([0x17FFFFFF], ["J:0:fffc"]),  # b . - 4
        ([0x14000001, 0xD503201F], []),  # a jump within
        ([0xB4000040], ["J:0:10008"]),  # cbz x0, . + 8
        ([0x36000040], ["J:0:10008"]),  # tbz w0, #0, . + 8
        ([0x54000040], ["J:0:10008"]),  # b.eq . + 8
        ([0x10000080], ["D:0:10010"]),  # adr x0, . + 16
    ],
)
def test_decoder_of_arm64(decode: Path, instructions: list[int], refs: list[str]) -> None:
    """At 0x10000."""
    (answer,) = decoded(decode, "arm64", [("10000", words(*instructions))])
    assert answer == [str(4 * len(instructions)), *refs]


@pytest.mark.parametrize(
    ("code", "understood", "refs"),
    [
        (words(0x00001797, 0x0107B783), 8, ["D:4:11010"]),  # auipc a5, 1; ld a5, 16(a5)
        (words(0xFFFFF797, 0xFF878793), 8, ["D:4:eff8"]),  # auipc a5, -1; addi a5, a5, -8
        (words(0x00000797, 0x01078793) + "9c67", 10, ["D:4:10010", "D:8:10018"]),  # and ld a5, 8(a5)
        (words(0x00000797, 0x00A7B823), 8, ["D:4:10010"]),  # sd a0, 16(a5)
        (words(0x00000797, 0x00F72023), 8, []),  # sw a5, 0(a4)
        (words(0x00000797) + "8280" + words(0x0107B783), 10, ["D:6:10010"]),  # ret writes nothing
        (words(0x00000797) + "8147" + words(0x0107B783), 10, []),  # li a5, 0
        (words(0x00000797) + "aa87" + words(0x0107B783), 10, []),  # mv a5, a0
        (words(0x00000797, 0x00000013, 0x0107B783), 12, ["D:8:10010"]),  # nop
        (words(0x00000797, 0x010000EF, 0x0107B783), 12, ["C:4:10014"]),  # a call does: jal . + 16
        (words(0x00000497, 0x010000EF, 0x0104B783), 12, ["C:4:10014", "D:8:10010"]),  # but not s1
        (words(0x00001097, 0x010080E7), 8, ["C:4:11010"]),  # auipc ra, 1; jalr ra, 16(ra)
        (words(0x00001317, 0x01030067), 8, ["J:4:11010"]),  # auipc t1, 1; jr 16(t1)
        (words(0x0107B783), 4, []),  # nobody knows a5
        (words(0xFFDFF06F), 4, ["J:0:fffc"]),  # j . - 4
        (words(0x00050463), 4, ["J:0:10008"]),  # beqz a0, . + 8
        ("11e1", 2, ["J:0:10004"]),  # c.beqz a0, . + 4
        ("d5bf", 2, ["J:0:fff4"]),  # c.j . - 12
        ("0100" + "0000" + "0100", 2, []),  # no instruction
        ("0100" + "1f00" + "0000" * 2, 2, []),  # of six bytes
        (words(0x00001797)[:6], 0, []),  # cut
    ],
)
def test_decoder_of_riscv(decode: Path, code: str, understood: int, refs: list[str]) -> None:
    """At 0x10000."""
    assert decoded(decode, "riscv", [("10000", code)]) == [[str(understood), *refs]]


@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("arch", ["x86", "arm64", "riscv"])
def test_decoder_of_noise(decode: Path, arch: str, seed: int) -> None:
    run(decode, arch, "random", str(seed))
