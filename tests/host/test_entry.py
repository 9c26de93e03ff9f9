# SPDX-License-Identifier: GPL-2.0-only
"""Where the first instructions of a function lead."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hosted import build, run


@pytest.fixture(scope="session")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = [f"integrity/entry_{arch}.c" for arch in ("x86", "arm64", "riscv")]
    return build(tmp_path_factory.mktemp("entry"), "entry_test", sources)


def leaves(program: Path, arch: str, code: str) -> list[str]:
    """At 0x10000."""
    done = subprocess.run(
        [program, arch, "code"], input=f"10000 {code}\n", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


ENDBR, NOP = "f30f1efa", "0f1f440000"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (NOP + "4157", []),
        (ENDBR + NOP + "55", []),
        ("e8fb0f0000" + "4157", ["C:0:11000"]),
        (ENDBR + "e8f70f0000" + "4157", ["C:4:11000"]),
        ("e9fb0f0000" + "e900000000", ["J:0:11000"]),  # nothing is behind a jump
        (NOP + "e9f60f0000", ["J:5:11000"]),
        (ENDBR + NOP + "e9f20f0000", ["J:9:11000"]),
        ("e8fb0f0000" + "e9f60f0000", ["C:0:11000", "J:5:11000"]),
        ("660f1f00" + NOP + "e9f20f0000", ["J:9:11000"]),  # an endbr64 that was sealed
        ("e9fbefffff", ["J:0:f000"]),
        ("ff2500000000" + "00" * 8, ["T:0:10006"]),
        ("48b88877665544332211ffe0", ["J:0:1122334455667788"]),
        ("49bb887766554433221141ffe3", ["J:0:1122334455667788"]),
        ("48b8887766554433221150c3", ["J:0:1122334455667788"]),
        ("49ba88776655443322114152c3", ["J:0:1122334455667788"]),
        ("48b88877665544332211ffe1", []),  # by another register
        ("48c7c000000081ffe0", ["J:0:ffffffff81000000"]),
        ("6800000081c3", ["J:0:ffffffff81000000"]),
        ("6888776655c744240444332211c3", ["J:0:1122334455667788"]),
        ("6800000081ff", []),
        ("90" * 16 + "e900000000", ["J:10:10015"]),
        ("662e0f1f840000000000" + "e900000000", ["J:a:1000f"]),
        ("e9fb0f00", []),  # cut
        ("", []),
    ],
)
def test_x86(entry: Path, code: str, found: list[str]) -> None:
    assert leaves(entry, "x86", code) == found


def words(*instructions: int) -> str:
    return b"".join(word.to_bytes(4, "little") for word in instructions).hex()


@pytest.mark.parametrize(
    ("instructions", "found"),
    [
        ([0xD503201F, 0xD503233F, 0xA9BF7BFD], []),
        ([0xAA1E03E9, 0xD503201F, 0xD503233F], []),  # as the tracer has it
        ([0xD503245F, 0x14000400], ["J:4:11004"]),  # bti c; b
        ([0xAA1E03E9, 0x94000400, 0xD503233F], ["C:4:11004"]),
        ([0x94000400, 0x17FFFC00], ["C:0:11000", "J:4:f004"]),
        ([0x58000050, 0xD61F0200, 0, 0], ["T:0:10008"]),  # ldr x16, . + 8; br x16
        ([0xB0000010, 0x91004210, 0xD61F0200], ["J:0:11010"]),  # adrp, add, br
        ([0x92800010, 0xF2A00010, 0xD61F0200], ["J:0:ffffffff0000ffff"]),  # movn, movk, br
        ([0xD2800510, 0xD61F0200], ["J:0:28"]),
        ([0xD2800510, 0xD61F0220], []),  # by another register
        ([0xB0000010, 0x91004210, 0xD63F0200], []),  # blr comes back
    ],
)
def test_arm64(entry: Path, instructions: list[int], found: list[str]) -> None:
    assert leaves(entry, "arm64", words(*instructions)) == found


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (words(0x13, 0x13) + "0100", []),
        (words(0x00001297, 0x000282E7), ["C:0:11000"]),  # auipc t0; jalr t0, t0
        (words(0x13, 0x0010006F), ["J:4:10804"]),  # nop; j
        (words(0x00001317, 0x00030067), ["J:0:11000"]),  # auipc t1; jr t1
        (words(0x00000317, 0x01033303, 0x00030067), ["T:0:10010"]),  # auipc; ld; jr
        (words(0x00000317, 0x01033303) + "0283", ["T:0:10010"]),  # the same, compressed
        (words(0x00001317, 0x00028067), []),
        (words(0x00001297), []),  # cut
    ],
)
def test_riscv(entry: Path, code: str, found: list[str]) -> None:
    assert leaves(entry, "riscv", code) == found


@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("arch", ["x86", "arm64", "riscv"])
def test_noise(entry: Path, arch: str, seed: int) -> None:
    run(entry, arch, "random", str(seed))
