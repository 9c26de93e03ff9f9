# SPDX-License-Identifier: GPL-2.0-only
"""The code of small modules, against their files."""

from __future__ import annotations

import errno
import gzip
import lzma
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from ksonde.errors import DriverError
from ksonde.inspection import Place
from ksonde.pristine import compare, image
from ksonde.pristine.exports import Exports
from ksonde.pristine.image import NoImage
from ksonde.pristine.module_text import Changed, ModuleText
from ksonde.pristine.modules import Files
from module_elf import CODE, GLOBAL, NOBITS, WEAK, Part, Symbol, build_id
from module_elf import make as module_elf
from pristine_elf import BASE, make

ID = b"\1" * 20
TEXT, COLD, INIT, DATA, PERCPU = (0xFFFFFFFFC0000000 + 0x1000 * number for number in range(5))
OTHER = 0xFFFFFFFFC0010000
RODATA = 0xFFFFFFFFC0020000
PLAIN = b"\x48\x89\xf8" * 64
NOP5 = bytes.fromhex("0f1f440000")
#: Of what is in the code, at which offset.
TRACED, CALLED, DATA_AT, CPU_1, CPU_2, CPU_3, OTHERS, WEAKLY, WHOLE = range(0, 0x90, 0x10)

PARTS = {
    ".text": Part(PLAIN, CODE),
    ".text.unlikely": Part(PLAIN[:30], CODE),
    ".init.text": Part(PLAIN[:30], CODE),
    ".data": Part(bytes(64)),
    ".bss": Part(bytes(64), kind=NOBITS),
    ".data..percpu": Part(bytes(64)),
    "__mcount_loc": Part(bytes(8)),
    ".note.gnu.build-id": build_id(ID),
    ".modinfo": Part(b"license=GPL\0depends=other-one,gone\0"),
}
#: Their numbers begin with 1.
SYMBOLS = [
    Symbol(".text", ".text"),
    Symbol(".data", ".data"),
    Symbol(".data..percpu", ".data..percpu"),
    Symbol("__fentry__", binding=GLOBAL),
    Symbol("exported", binding=GLOBAL),
    Symbol("of_other", binding=GLOBAL),
    Symbol("weak", binding=WEAK),
    Symbol("absolute", "*", 0x77),
    Symbol("nobody_has_it", binding=GLOBAL),
]
RELOCATIONS = {
    ".text": [
        (TRACED + 1, 4, 4, -4),
        (CALLED, 2, 5, -4),
        (DATA_AT, 11, 2, 8),
        (CPU_1, 11, 3, 0),
        (CPU_2, 2, 3, 12),
        (CPU_3, 11, 3, 24),
        (OTHERS, 4, 6, -4),
        (WEAKLY, 10, 7, 5),
        (WHOLE, 1, 8, 1),
        (0, 0, 0, 0),
    ],
    "__mcount_loc": [(0, 1, 1, TRACED)],
}
SECTIONS = {".text": TEXT, ".text.unlikely": COLD, ".init.text": INIT, ".data": DATA}


def signed(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "little")


class Kernel:
    """Has a module, and one that this needs."""

    def __init__(self) -> None:
        self.symbols: Mapping[str, int] = {"_text": BASE, "_stext": BASE, "_etext": BASE + 64}
        text = bytearray(PLAIN)
        for at, value in (
            (TRACED, NOP5),
            (CALLED, signed(BASE + 0x20 - 4 - TEXT - CALLED)),
            (DATA_AT, signed(DATA + 8)),
            (CPU_1, signed(PERCPU)),
            (CPU_2, signed(PERCPU + 12 - TEXT - CPU_2)),
            (CPU_3, signed(PERCPU + 24)),
            (OTHERS, signed(OTHER + 4 - 4 - TEXT - OTHERS)),
            (WEAKLY, signed(5)),
            (WHOLE, struct.pack("<Q", 0x78)),
        ):
            text[at : at + len(value)] = value
        self.memory = {TEXT: text, COLD: bytearray(PLAIN[:30]), OTHER: bytearray(PLAIN)}
        self.owner = "small"
        self.trampolines: set[int] = set()
        self.fails: Exception | None = None

    def code(self, address: int, size: int) -> bytes:
        if self.fails is not None:
            raise self.fails
        found = bytearray(b"\xcc" * size)
        for begin, there in self.memory.items():
            for at, byte in enumerate(there):
                if 0 <= begin + at - address < size:
                    found[begin + at - address] = byte
        return bytes(found)

    def known(self, address: int) -> compare.Known:
        own = OTHER > address >= TEXT
        place = Place("f", address - TEXT, self.owner if own else "", False)
        place = place if own else Place("", 0, "", False)
        return compare.Known(place, -1, address in self.trampolines, True)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    monkeypatch.setattr(compare, "_PAUSE", 0)
    lists(tmp_path, "small", SECTIONS)
    lists(tmp_path, "other_one", {".text": OTHER})
    (tmp_path / "files").mkdir()
    (tmp_path / "files/modules.dep").write_text(
        "kernel/small.ko: kernel/other-one.ko\nkernel/other-one.ko:\n"
    )
    (tmp_path / "files/kernel").mkdir()
    (tmp_path / "files/kernel/small.ko").write_bytes(module_elf(PARTS, SYMBOLS, RELOCATIONS))
    other = {".text": Part(PLAIN, CODE), ".note.gnu.build-id": build_id(ID)}
    symbols = [Symbol("of_other", ".text", 4, GLOBAL), Symbol("nowhere", ".data", 4, GLOBAL)]
    (tmp_path / "files/kernel/other-one.ko").write_bytes(module_elf(other, symbols))
    return Kernel()


def lists(root: Path, name: str, sections: Mapping[str, int]) -> None:
    """What /sys/module says of it."""
    folder = root / "module" / name
    (folder / "sections").mkdir(parents=True)
    (folder / "notes").mkdir()
    (folder / "initstate").write_text("live\n")
    (folder / "notes/.note.gnu.build-id").write_bytes(build_id(ID).content)
    for section, address in sections.items():
        (folder / "sections" / section).write_text(f"{address:#018x}\n")


def image_of() -> image.Image:
    strings = b"exported\0__fentry__\0this_cpu\0"
    address = BASE + 0x2000
    rows = (
        (BASE + 0x20, 0),
        (BASE + 0x30, strings.index(b"__fentry__")),
        (0x19580, strings.index(b"this_cpu")),
    )
    data = b""
    for value, name in rows:
        at = address + len(data)
        data += signed(value - at) + signed(RODATA + name - at - 4) + bytes(4)
    sections = {
        ".text": (BASE, bytes(64)),
        "__ksymtab": (address, data),
        "__ksymtab_strings": (RODATA, strings),
    }
    return image.parse("vmlinux", make(sections))


def compared(kernel: Kernel, root: Path, *more: Path) -> tuple[int, list[str], list[Changed]]:
    files = Files(root / "files", more)
    return ModuleText(image_of(), kernel, files, root / "module").compare()


def file_of(root: Path) -> Path:
    return root / "files/kernel/small.ko"


def test_what_the_kernel_exports() -> None:
    there = Exports(image_of(), 0)
    assert [
        there.get(name) for name in ("exported", "__fentry__", "this_cpu", "ported", "cpu", "export")
    ] == [
        BASE + 0x20,
        BASE + 0x30,
        0x19580,
        None,
        None,
        None,
    ]
    moved = Exports(image_of(), 0x1000)
    assert (moved.get("exported"), moved.get("this_cpu")) == (BASE + 0x1020, 0x19580)
    broken = image_of()
    table = broken.sections["__ksymtab"]
    broken.sections["__ksymtab"] = image.Section(table.address + 4096, table.offset, table.size)
    assert not Exports(broken, 0)
    broken.sections["__ksymtab"] = image.Section(table.address, table.offset, table.size - 4)
    assert not Exports(broken, 0)
    broken.sections["__ksymtab"] = table
    assert Exports(broken, 0)
    del broken.sections["__ksymtab_strings"]
    assert not Exports(broken, 0)


def test_as_they_were_linked(kernel: Kernel, tmp_path: Path) -> None:
    assert compared(kernel, tmp_path) == (2 * len(PLAIN) + 30, [], [])


@pytest.mark.parametrize(
    ("at", "there"),
    [
        (TRACED + 5, b"\x31\xc0"),
        (CALLED, signed(1)),
        (CPU_2, signed(PERCPU - TEXT)),
        (OTHERS, signed(OTHER - TEXT)),
        (0x88, b"\xf4"),
    ],
)
def test_changes(kernel: Kernel, tmp_path: Path, at: int, there: bytes) -> None:
    kernel.memory[TEXT][at : at + len(there)] = there
    checked, why, (changed,) = compared(kernel, tmp_path)
    assert (checked, why) == (2 * len(PLAIN) + 30, [])
    assert (changed.module, changed.base) == ("small", TEXT)
    assert at <= changed.difference.offset < at + len(there)


def test_tracers(kernel: Kernel, tmp_path: Path) -> None:
    """ftrace's own caller, and a trampoline in the module itself; elsewhere in the two is none."""
    kernel.symbols = {**kernel.symbols, "ftrace_caller": BASE + 8}
    kernel.trampolines.add(TEXT + 0x90)
    for to, count in ((BASE + 8, 0), (TEXT + 0x90, 0), (BASE + 9, 1), (TEXT + 0x91, 1)):
        kernel.memory[TEXT][TRACED : TRACED + 5] = b"\xe8" + signed(to - TEXT - TRACED - 5)
        assert len(compared(kernel, tmp_path)[2]) == count


def test_a_change_in_another_section(kernel: Kernel, tmp_path: Path) -> None:
    kernel.memory[COLD][7] ^= 1
    _, _, (changed,) = compared(kernel, tmp_path)
    assert changed.base + changed.difference.offset == COLD + 7


def test_code_of_the_start_is_gone(kernel: Kernel, tmp_path: Path) -> None:
    kernel.memory[INIT] = bytearray(b"\xf4" * 30)
    assert compared(kernel, tmp_path)[2] == []


def test_what_nobody_has(kernel: Kernel, tmp_path: Path) -> None:
    relocations = {**RELOCATIONS, ".text": [*RELOCATIONS[".text"], (0x78, 4, 9, 0)]}
    file_of(tmp_path).write_bytes(module_elf(PARTS, SYMBOLS, relocations))
    _, why, changed = compared(kernel, tmp_path)
    assert (why, changed) == (["small: 1 places refer to what was not found (nobody_has_it)"], [])


@pytest.mark.parametrize(
    ("relocation", "why"),
    [
        ((0, 9, 1, 0), "it has a relocation that is not known (9)"),
        ((len(PLAIN) - 3, 2, 1, 0), "its file is damaged: "),
        ((0, 2, 99, 0), "its file is damaged: "),
    ],
)
def test_relocations_that_are_wrong(
    kernel: Kernel, tmp_path: Path, relocation: tuple[int, int, int, int], why: str
) -> None:
    file_of(tmp_path).write_bytes(module_elf(PARTS, SYMBOLS, {".text": [relocation]}))
    checked, (told,), changed = compared(kernel, tmp_path)
    assert (checked, changed) == (len(PLAIN), [])
    assert told.startswith(f"small: {why}")


@pytest.mark.parametrize(("end", "pack"), [("xz", lzma.compress), ("gz", gzip.compress)])
def test_packed_files(kernel: Kernel, tmp_path: Path, end: str, pack: object) -> None:
    assert callable(pack)
    packed = tmp_path / f"more/small.ko.{end}"
    packed.parent.mkdir()
    packed.write_bytes(pack(file_of(tmp_path).read_bytes()))
    file_of(tmp_path).unlink()
    assert compared(kernel, tmp_path)[1] == ["small: no file of it was found"]
    assert compared(kernel, tmp_path, packed.parent) == (2 * len(PLAIN) + 30, [], [])
    assert compared(kernel, tmp_path, packed) == (2 * len(PLAIN) + 30, [], [])


def test_files_that_are_not_it(kernel: Kernel, tmp_path: Path) -> None:
    path = file_of(tmp_path)
    for content, why in (
        (
            module_elf({**PARTS, ".note.gnu.build-id": build_id(b"\2" * 20)}, SYMBOLS),
            f"{path} is of another build",
        ),
        (b"\x7fELF" + bytes(100), f"{path}: it is no module of this architecture"),
        (b"text", f"{path}: it is packed in a way that is not known"),
        (module_elf(PARTS, SYMBOLS)[:200], f"{path} is damaged: "),
        (b"", f"{path} is damaged: "),
    ):
        path.write_bytes(content)
        assert compared(kernel, tmp_path)[1][0].startswith(f"small: {why}")
    path.unlink()
    path.mkdir()
    assert compared(kernel, tmp_path)[1] == [f"small: {path}: Is a directory"]
    (tmp_path / "files/modules.dep").unlink()
    assert compared(kernel, tmp_path)[1] == ["other_one, small: no file of it was found"]


def test_no_damaged_file_ends_a_scan(kernel: Kernel, tmp_path: Path) -> None:
    whole = module_elf(PARTS, SYMBOLS, RELOCATIONS)
    for end in range(0, len(whole), 37):
        file_of(tmp_path).write_bytes(whole[:end])
        compared(kernel, tmp_path)
    for at in range(0, len(whole), 3):
        file_of(tmp_path).write_bytes(whole[:at] + bytes((whole[at] ^ 0xFF,)) + whole[at + 1 :])
        compared(kernel, tmp_path)


def test_modules_that_come_and_go(kernel: Kernel, tmp_path: Path) -> None:
    folder = tmp_path / "module/small"
    (folder / "initstate").write_text("coming\n")
    assert compared(kernel, tmp_path) == (len(PLAIN), [], [])
    (folder / "initstate").write_text("live\n")
    kernel.fails = DriverError("ioctl INSPECT", errno.EFAULT, "Bad address")
    told = "other_one, small: its code is not where the kernel says"
    assert compared(kernel, tmp_path) == (0, [told], [])
    kernel.fails = DriverError("ioctl INSPECT", errno.ENOMEM, "Cannot allocate memory")
    with pytest.raises(DriverError):
        compared(kernel, tmp_path)


def test_what_changed_because_it_went(
    kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.memory[TEXT][0x88] = 0xF4
    code = kernel.code

    def goes(address: int, size: int) -> bytes:
        if size < len(PLAIN):
            (tmp_path / "module/small/initstate").unlink(missing_ok=True)
        return code(address, size)

    monkeypatch.setattr(kernel, "code", goes)
    assert compared(kernel, tmp_path) == (len(PLAIN), [], [])


def test_what_the_kernel_does_not_say(kernel: Kernel, tmp_path: Path) -> None:
    folder = tmp_path / "module/small"
    kernel.owner = "evil"
    assert compared(kernel, tmp_path)[1] == ["small: the kernel says that its code is where that of evil is"]
    kernel.owner = "small"
    (folder / "sections/.text").write_text("0x0000000000000000\n")
    (folder / "sections/.text.unlikely").write_text("what\n")
    assert compared(kernel, tmp_path)[1][0].startswith("small: the kernel does not say where it is: ")
    for section in SECTIONS:
        (folder / "sections" / section).write_text("0x0000000000000000\n")
    assert compared(kernel, tmp_path)[1] == ["small: the kernel does not say where it is"]
    for section in SECTIONS:
        (folder / "sections" / section).unlink()
    (folder / "sections/.data").write_text(f"{DATA:#x}\n")
    assert compared(kernel, tmp_path)[1] == ["small: the kernel does not say where its code is"]
    (folder / "notes/.note.gnu.build-id").unlink()
    assert compared(kernel, tmp_path)[1] == ["small: it has no build id"]


def test_a_kernel_that_says_nothing(kernel: Kernel, tmp_path: Path) -> None:
    there = image_of()
    del there.sections["__ksymtab"]
    with pytest.raises(NoImage, match="does not say what the kernel exports"):
        ModuleText(there, kernel, Files(tmp_path), tmp_path)
    kernel.symbols = {}
    with pytest.raises(NoImage, match="does not say where its text is"):
        ModuleText(image_of(), kernel, Files(tmp_path), tmp_path)
