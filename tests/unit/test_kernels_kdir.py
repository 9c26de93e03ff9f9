# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from fakes import tree
from ksonde_tools.common import ToolError
from ksonde_tools.kernels import boot, kdir

PREPARED = {"include/config/kernel.release": "5.4.200-own\n", ".config": "CONFIG_X86_64=y\n"}
#: An ELF file; the note is the entry that QEMU starts.
ELF = b"\x7fELF" + bytes(64)
NOTE = b"\4\0\0\0\4\0\0\0\x12\0\0\0Xen\0\0\0\0\1"


def test_a_tree_that_was_built_is_booted(tmp_path: Path) -> None:
    tree(tmp_path, {**PREPARED, "arch/x86/boot/bzImage": "image", "vmlinux": "elf"})
    row, kernel = kdir.resolve(tmp_path, None, ("CC=gcc-12",))
    assert (row.name, row.arch, row.config) == ("kdir-5.4.200-own", "amd64", "")
    assert kernel.image == tmp_path / "arch/x86/boot/bzImage"
    assert (kernel.version, kernel.build, kernel.make) == ("5.4.200-own", tmp_path, ("CC=gcc-12",))


def test_an_image_that_is_named_comes_first(tmp_path: Path) -> None:
    tree(tmp_path, {**PREPARED, "arch/x86/boot/bzImage": "image", "other": "image"})
    assert kdir.resolve(tmp_path, tmp_path / "other", ())[1].image == tmp_path / "other"


def test_a_folder_of_headers_has_no_image(tmp_path: Path) -> None:
    tree(tmp_path, PREPARED)
    assert kdir.resolve(tmp_path, None, ())[1].image == kdir.NONE


@pytest.mark.parametrize(
    ("files", "image", "said"),
    [
        ({"Makefile": ""}, None, "no prepared kernel tree"),
        ({**PREPARED, ".config": "CONFIG_S390=y\n"}, None, "no 64-bit x86, ARM or RISC-V kernel"),
        (PREPARED, "none", "there is no image"),
    ],
)
def test_what_is_no_tree(tmp_path: Path, files: dict[str, str], image: str, said: str) -> None:
    tree(tmp_path, files)
    with pytest.raises(ToolError, match=said):
        kdir.resolve(tmp_path, tmp_path / image if image else None, ())


def test_only_what_qemu_can_start_is_unpacked() -> None:
    packed = b"MZ" + bytes(100) + gzip.compress(ELF + NOTE)
    assert boot._bootable(packed) == ELF + NOTE
    packed = b"MZ" + bytes(100) + gzip.compress(ELF)
    assert boot._bootable(packed) == packed
