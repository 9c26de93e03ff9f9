# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import gzip
import lzma
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import tree
from ksonde import symbols
from ksonde.machine import Machine

MANY = "".join(f"ffffffff8100{i:04x} T function_{i}\n" for i in range(1200))
REAL = (
    MANY
    + "ffffffff82000000 T commit_creds\n"
    + "ffffffff82000001 D __tracepoint_module_load\n"
    + "ffffffff82000002 d _kbl_addr_do_int3\n"
    + "ffffffff82000003 T do_int3\n"
    + "ffffffff82000004 t helper.isra.0\n"
)
EMPTY_MAP = "ffffffffffffffff B The real System.map is in the linux-image-6.1.0-dbg package\n"


def machine(root: Path, files: dict[str, str], running: str = "6.1.0") -> Machine:
    return Machine(tree(root, files), release=running).of("6.1.0")


def test_a_system_map(tmp_path: Path) -> None:
    found = symbols.find(machine(tmp_path, {"/boot/System.map-6.1.0": REAL}))
    assert found is not None
    assert found.source == "/boot/System.map-6.1.0"
    assert found.has_function("commit_creds")
    assert not found.has_function("helper")
    assert found.has_tracepoint("module_load")
    assert not found.has_tracepoint("module_free")
    assert found.refuses_probes("do_int3")
    assert not found.refuses_probes("commit_creds")


def test_the_running_kernel_tells_itself_and_modules_do_not_count(tmp_path: Path) -> None:
    files = {
        "/proc/kallsyms": REAL + "0000000000000000 t ks_symbol\t[ksonde]\n",
        "/boot/System.map-6.1.0": MANY,
    }
    found = symbols.find(machine(tmp_path, files))
    assert found is not None
    assert found.source == "the running kernel"
    assert not found.has_function("ks_symbol")
    found = symbols.find(machine(tmp_path, files, running="6.12.0"))
    assert found is not None
    assert found.source == "/boot/System.map-6.1.0"


def btf(*, functions: tuple[str, ...] = (), typedefs: tuple[str, ...] = ()) -> bytes:
    """Types as the kernel's build lays them out: one of each kind with members, then the names."""
    strings = b"\0"
    types = struct.pack("<IIII", 0, 1 << 24, 4, 32)  # int
    types += struct.pack("<III", 0, 3 << 24, 0) + bytes(12)  # array
    types += struct.pack("<III", 0, 4 << 24 | 2, 8) + bytes(24)  # struct of two
    types += struct.pack("<III", 0, 13 << 24 | 3, 1) + bytes(24)  # prototype of three
    types += struct.pack("<III", 0, 6 << 24 | 1, 4) + bytes(8)  # enum of one
    types += struct.pack("<III", 0, 1 << 31 | 19 << 24 | 1, 8) + bytes(12)  # enum64 of one
    types += struct.pack("<III", 0, 17 << 24, 1) + bytes(4)  # declaration tag
    for kind, names in ((12, functions), (8, typedefs)):
        for name in names:
            types += struct.pack("<III", len(strings), kind << 24, 1)
            strings += name.encode() + b"\0"
    head = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings))
    return head + types + strings


KERNEL = (
    b"\x7fELF"
    + btf()[:24]  # a head without types behind it, as code may hold one
    + bytes(100)
    + btf(functions=("commit_creds", "__x64_sys_execve"), typedefs=("btf_trace_module_load", "u64"))
    + bytes(100)
)


def zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-cq"], input=data, capture_output=True, check=True).stdout


def lz4(data: bytes) -> bytes:
    """As kernels are packed: with the format's old head."""
    return subprocess.run(["lz4", "-lcq"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, zstd, lz4])
@pytest.mark.parametrize("place", ["/boot/vmlinuz-6.1.0", "/lib/modules/6.1.0/vmlinuz"])
def test_the_types_in_an_image(tmp_path: Path, pack: type, place: str) -> None:
    image = tree(tmp_path, {place: "", "/boot/System.map-6.1.0": EMPTY_MAP}) / place.lstrip("/")
    image.write_bytes(b"MZ" + bytes(500) + b"\x1f\x8b\x08\x00 not really" + pack(KERNEL) + b"trailer")
    found = symbols.find(machine(tmp_path, {}))
    assert found is not None
    assert found.source == f"the types in {place}"
    assert found.names == {"commit_creds", "__x64_sys_execve", "btf_trace_module_load"}
    assert found.has_tracepoint("module_load")


def test_nowhere(tmp_path: Path) -> None:
    files = {"/boot/System.map-6.1.0": EMPTY_MAP, "/proc/kallsyms": "", "/boot/vmlinuz-6.1.0": "MZ"}
    assert symbols.find(machine(tmp_path, files)) is None


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_types_or_none(data: bytes) -> None:
    symbols.btf_names(data)
    symbols.btf_names(KERNEL[:28] + data)
