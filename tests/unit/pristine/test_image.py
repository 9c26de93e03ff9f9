# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ksonde.pristine import image, xz
from pristine_elf import BASE, BUILD_ID, NOTES, make

VERSION = b"Linux version 6.1.0 (somebody@somewhere) (gcc) #1 SMP"
ELF = make({".text": (BASE, b"\x90" * 64), ".notes": (BASE + 4096, NOTES)})


def bzimage(payload: bytes, size: int = 1 << 20) -> bytes:
    """A boot sector, a header and a setup of one sector, then the payload."""
    head = bytearray(1024 + 32)
    head[0x1F1] = 1
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, 0x20F)
    struct.pack_into("<II", head, 0x248, 32, len(payload) + 4)
    return bytes(head) + payload + struct.pack("<I", size)


def found(path: Path, notes: bytes = NOTES) -> image.Image:
    return image.find("6.1.0", notes, VERSION, str(path))


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
def test_packed(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(bzimage(pack(ELF)))
    assert found(path).bytes_of(".text") == b"\x90" * 64


def test_packed_by_xz_for_x86(tmp_path: Path) -> None:
    """As a kernel's build does it: without steps of its own for all that is not looked at."""
    filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 1}]
    calls = b"\xe8\x01\x02\x03\x00" * 4000
    elf = make({".text": (BASE, calls), ".notes": (BASE + 65536, NOTES)}, [[1], [2, 3]])
    packed = lzma.compress(elf, check=lzma.CHECK_CRC32, filters=filters)
    path = tmp_path / "vmlinuz"
    path.write_bytes(bzimage(packed, len(elf)))
    kernel = found(path)
    assert isinstance(kernel.data, xz.Filtered)
    assert kernel.bytes_of(".text") == kernel.copy_of(".text") == calls
    assert kernel.at(BASE + 7, 9) == calls[7:16]
    assert list(map(list, kernel.relocations)) == [[1], [2, 3]]
    path.write_bytes(bzimage(packed[: len(packed) // 2], len(elf)))
    with pytest.raises(image.NoImage, match="xz: "):
        found(path)


def test_packed_as_lzma_alone(tmp_path: Path) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(bzimage(lzma.compress(ELF, format=lzma.FORMAT_ALONE)))
    assert found(path).bytes_of(".text") == b"\x90" * 64


@pytest.mark.parametrize("program", ["zstd", "lz4"])
def test_packed_by_a_program(tmp_path: Path, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"cannot run here: there is no {program}")
    options = ["-l"] if program == "lz4" else []
    packed = subprocess.run([program, *options, "-cq"], input=ELF, capture_output=True, check=True).stdout
    path = tmp_path / "vmlinuz"
    path.write_bytes(bzimage(packed))
    assert found(path).bytes_of(".text") == b"\x90" * 64


def test_a_program_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "vmlinuz"
    path.write_bytes(bzimage(b"\x02\x21\x4c\x18" + bytes(64)))
    with pytest.raises(image.NoImage, match="packed by lz4, which is not installed"):
        found(path)


def test_not_packed(tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    path.write_bytes(ELF)
    kernel = found(path)
    assert kernel.at(BASE + 8, 8) == b"\x90" * 8
    assert kernel.at(BASE + 60, 8) == b"\x90" * 4
    assert kernel.at(BASE - 1, 8) == kernel.bytes_of(".data") == b""
    assert kernel.relocations == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"nothing", "packed in a way that is not known"),
        (bzimage(b"?" * 64), "packed in a way that is not known"),
        (bzimage(gzip.compress(b"nothing")), "no ELF file"),
        (bzimage(b"\x1f\x8b\x08" + b"?" * 64), "gzip: "),
        (bzimage(b"\xfd7zXZ\0" + b"?" * 64), "xz: "),
        (b"\x7fELF\1\1" + bytes(64), "no ELF file of 64 bits"),
        (ELF[:63], "is damaged"),
        (ELF[:100], "is damaged"),
        (ELF[:58] + struct.pack("<HHH", 64, 0, 0) + ELF[64:], "no sections"),
    ],
)
def test_what_is_none(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(data)
    with pytest.raises(image.NoImage, match=why):
        found(path)


def test_another_build(tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    path.write_bytes(ELF.replace(BUILD_ID, BUILD_ID[::-1]))
    with pytest.raises(image.NoImage, match="is of another build"):
        found(path)


def test_without_build_id_the_version_says_it(tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    path.write_bytes(make({".text": (BASE, b"\x90" * 64), ".rodata": (BASE + 4096, VERSION + b"\n\0")}))
    assert found(path).path == str(path)
    with pytest.raises(image.NoImage, match="another build"):
        image.find("6.1.0", NOTES, VERSION + b" other", str(path))


def test_none_where_distributions_put_it() -> None:
    with pytest.raises(image.NoImage, match="there is no image of kernel 0"):
        image.find("0.0-none", NOTES, VERSION)


def test_relocations() -> None:
    kernel = image.parse("x", make({".text": (BASE, bytes(16))}, [[1, 2], [3], [4, 5]]))
    assert list(map(list, kernel.relocations)) == [[1, 2], [3], [4, 5]]


def test_build_id_of_damaged_notes() -> None:
    assert image.build_id(NOTES) == BUILD_ID
    for end in range(len(NOTES)):
        assert image.build_id(NOTES[:end]) in (b"", *(BUILD_ID[:n] for n in range(len(BUILD_ID))))
