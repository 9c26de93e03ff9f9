# SPDX-License-Identifier: GPL-2.0-only
"""The text of a small kernel, with a place of each kind, against its image."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Callable

import pytest

from ksonde.inspection import Place
from ksonde.pristine import code, compare, image
from ksonde.pristine.image import NoImage
from pristine_elf import BASE, make

SIZE = 8192
MODULE = 0xFFFFFFFFC0000000
NOP5 = bytes.fromhex("0f1f440000")
RETURN = b"\xc3\xcc\xcc\xcc\xcc"
#: Where what is in the text; the rest are instructions that nobody patches.
TRACED, LABEL, RETURNED, LOCKED, SEALED, STATIC, INDIRECT, PARAVIRT, ALTERNATIVE, CALLED, CONSTANT = range(
    0x100, 0x1200, 0x100
)[:11]
TRAMPOLINE, TRACER, MOVING = 0x1000, 0x1100, 0x1200
THUNK, TARGET = 0x1300, 0x1400
REPLACEMENTS = BASE + 0x10000


def leads(opcode: bytes, at: int, to: int) -> bytes:
    """A jump or call at an offset, to an offset."""
    return opcode + struct.pack("<i", to - at - len(opcode) - 4)


def text_of_image() -> bytearray:
    text = bytearray(b"\x48\x89\xf8" * (SIZE // 3 + 1))[:SIZE]
    for at, bytes_ in (
        (TRACED, leads(b"\xe8", TRACED, THUNK)),
        (LABEL, NOP5),
        (RETURNED, leads(b"\xe9", RETURNED, THUNK)),
        (LOCKED, b"\xf0"),
        (SEALED, bytes.fromhex("f30f1efa")),
        (STATIC, leads(b"\xe8", STATIC, TARGET)),
        (INDIRECT, leads(b"\xe8", INDIRECT, THUNK)),
        (PARAVIRT, bytes.fromhex("ff1500001000")),
        (ALTERNATIVE, bytes.fromhex("90" * 8)),
        (CALLED, leads(b"\xe8", CALLED, TARGET)),
        (CONSTANT, struct.pack("<QQ", 0x0123456789ABCDEF, 0x0123456789ABCDEF)),
        (TRAMPOLINE, leads(b"\xe9", TRAMPOLINE, TARGET) + b"\x0f\xb9\xcc"),
        (TRACER, leads(b"\xe8", TRACER, TARGET)),
        (MOVING, struct.pack("<IQ", 0x81000040, BASE + 0x40)),
        (TARGET - 32, b"\x90" * 32),
    ):
        text[at : at + len(bytes_)] = bytes_
    return text


def table(address: int, *targets: int) -> bytes:
    """Distances from where each stands."""
    places = enumerate(targets)
    return b"".join(struct.pack("<i", BASE + to - address - 4 * number) for number, to in places)


def image_of(text: bytearray, returns: Sequence[int] = (RETURNED,)) -> image.Image:
    at = [BASE + 0x20000 + 0x1000 * number for number in range(12)]
    # A fence, and a jump to TARGET, in place of what does nothing.
    replacement = b"\x0f\xae\xe8" + b"\xe9" + struct.pack("<i", BASE + TARGET - REPLACEMENTS - 8)
    rows = b"".join(
        struct.pack("<iiIBB", BASE + ALTERNATIVE - row, REPLACEMENTS + begin - row - 4, 0, 8, size)
        for row, begin, size in ((at[5], 0, 3), (at[5] + 14, 3, 5))
    )
    data = struct.pack("<Q", BASE + TRACED)
    data += struct.pack("<iiq", BASE + LABEL - at[10] - 8, BASE + TARGET - at[10] - 12, 0)
    data += struct.pack("<ii", BASE + STATIC - at[10] - 24, 0)
    sections = {
        ".text": (BASE, bytes(text)),
        ".altinstr_replacement": (REPLACEMENTS, replacement),
        ".return_sites": (at[0], table(at[0], *returns)),
        ".smp_locks": (at[1], table(at[1], LOCKED)),
        ".ibt_endbr_seal": (at[2], table(at[2], SEALED)),
        ".retpoline_sites": (at[3], table(at[3], INDIRECT)),
        ".call_sites": (at[4], table(at[4], CALLED)),
        ".altinstructions": (at[5], rows),
        ".parainstructions": (at[6], struct.pack("<QBB2x", BASE + PARAVIRT, 0, 6)),
        "runtime_ptr_X": (at[7], table(at[7], CONSTANT, CONSTANT + 8)),
        ".data": (at[10], data),
    }
    low = 0x81000000
    return image.parse("vmlinux", make(sections, [[low + MOVING + 4], [], [low + MOVING]]))


class Kernel:
    """A running one: its code, and who owns what."""

    def __init__(self, moved: int = 0) -> None:
        base = BASE + moved
        data = BASE + 0x20000 + 0xA000 + moved
        self.text = text_of_image()
        self.base = base
        self.symbols: Mapping[str, int] = {
            "_text": base,
            "_stext": base,
            "_etext": base + SIZE,
            "__start_mcount_loc": data,
            "__stop_mcount_loc": data + 8,
            "__start___jump_table": data + 8,
            "__stop___jump_table": data + 24,
            "__start_static_call_sites": data + 24,
            "__stop_static_call_sites": data + 32,
            "ftrace_call": base + TRACER,
            "ftrace_caller": base + TRACER - 16,
        }
        #: Addresses of kprobes, and of trampolines.
        self.kprobes: set[int] = set()
        self.trampolines: set[int] = set()
        self.judged = True
        #: What is done when the code is looked at again.
        self.looks: list[Callable[[], None]] = []

    def put(self, at: int, bytes_: bytes) -> None:
        self.text[at : at + len(bytes_)] = bytes_

    def code(self, address: int, size: int) -> bytes:
        if size < SIZE and self.looks:
            self.looks.pop(0)()
        at = address - self.base
        return bytes(self.text[at : at + size])

    def known(self, address: int) -> compare.Known:
        own = self.base <= address < self.base + SIZE
        offset = address - self.base
        if own:
            begin = max(at for at in (0, TRAMPOLINE, TRACER, TRACER + 8) if at <= offset)
            symbol = {TRAMPOLINE: "__SCT__x", TRACER: "ftrace_call"}.get(begin, "function")
            place = Place(symbol, offset - begin, "", True)
        elif MODULE <= address < MODULE + 4096:
            place = Place("evil", address - MODULE, "evil", False)
        else:
            place = Place("", 0, "", False)
        before = [address - at for at in self.kprobes if 0 <= address - at < 5]
        return compare.Known(place, min(before, default=-1), address in self.trampolines, self.judged)


@pytest.fixture(params=[0, 0x1A000000], ids=["in place", "moved"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    monkeypatch.setattr(compare, "_PAUSE", 0)
    running = Kernel(request.param)
    running.put(MOVING, struct.pack("<IQ", 0x81000040 + request.param, BASE + 0x40 + request.param))
    running.put(TRACED, NOP5)
    return running


def result(kernel: Kernel) -> compare.Result:
    return compare.compare(image_of(text_of_image()), kernel)


def outside(kernel: Kernel, at: int, opcode: bytes = b"\xe9", to: int = MODULE) -> bytes:
    return leads(opcode, at, to - kernel.base)


def only(kernel: Kernel) -> compare.Difference:
    found = result(kernel)
    (difference,) = found.differences
    assert found.why == ()
    return difference


def test_as_it_was_linked(kernel: Kernel) -> None:
    assert result(kernel) == compare.Result(SIZE, (), ())


@pytest.mark.parametrize(
    ("at", "bytes_"),
    [
        (TRACED, bytes.fromhex("6666666690")),
        (LABEL, leads(b"\xe9", LABEL, TARGET)),
        (RETURNED, RETURN),
        (LOCKED, b"\x3e"),
        (SEALED, bytes.fromhex("660f1f00")),
        (SEALED, bytes.fromhex("0f1f40d6")),
        (STATIC, NOP5),
        (STATIC, RETURN),
        (STATIC, bytes.fromhex("67480fb93a")),
        (STATIC, bytes.fromhex("3e3ec60700")),
        (STATIC, leads(b"\xe8", STATIC, 0)),
        (INDIRECT, bytes.fromhex("ffd0") + b"\x0f\x1f\x00"),
        (INDIRECT, bytes.fromhex("41ffd3") + b"\x66\x90"),
        (PARAVIRT, leads(b"\xe8", PARAVIRT, TARGET) + b"\x90"),
        (PARAVIRT, bytes.fromhex("fa") + b"\x0f\x1f\x44\x00\x00"),
        (ALTERNATIVE, bytes.fromhex("0f1f840000000000")),
        (ALTERNATIVE, b"\x0f\xae\xe8" + b"\x0f\x1f\x44\x00\x00"),
        (ALTERNATIVE, leads(b"\xe9", ALTERNATIVE, TARGET) + b"\x0f\x1f\x00"),
        (ALTERNATIVE, b"\xeb\x06\xcc\xcc\xcc\xcc\xcc\xcc"),
        (CALLED, leads(b"\xe8", CALLED, TARGET - 16)),
        (CONSTANT, struct.pack("<QQ", 5, 5)),
        (TRAMPOLINE, RETURN),
        (TRAMPOLINE, leads(b"\xe9", TRAMPOLINE, 0)),
        (TRACER, leads(b"\xe8", TRACER, 0x80)),
    ],
)
def test_what_the_kernel_makes_of_it(kernel: Kernel, at: int, bytes_: bytes) -> None:
    kernel.put(at, bytes_)
    assert result(kernel) == compare.Result(SIZE, (), ())


@pytest.mark.parametrize(
    "at", [0, TRACED, LABEL, RETURNED, STATIC + 0x20, PARAVIRT, ALTERNATIVE, TRACED + 5, 0x1F00]
)
def test_a_jump_out_of_the_text(kernel: Kernel, at: int) -> None:
    expected = bytes(kernel.text[at : at + 5])
    kernel.put(at, outside(kernel, at))
    difference = only(kernel)
    assert difference.offset == at
    assert difference.found[:5] == outside(kernel, at)
    assert difference.bad.leads == MODULE
    assert at in (TRACED, LABEL) or difference.expected[:5] == expected


def test_a_static_call(kernel: Kernel) -> None:
    """Of a module is right, of nobody is not."""
    kernel.put(STATIC, outside(kernel, STATIC, b"\xe8"))
    assert result(kernel).differences == ()
    kernel.put(STATIC, outside(kernel, STATIC, b"\xe8", MODULE + 8192))
    assert only(kernel).bad.what == "a static call leads to what nobody owns"
    kernel.put(STATIC, leads(b"\xe8", STATIC, TARGET))
    kernel.put(TRAMPOLINE, outside(kernel, TRAMPOLINE, b"\xe9", MODULE + 8192))
    assert only(kernel).bad.what == "a static call leads to what nobody owns"


@pytest.mark.parametrize(
    ("at", "bytes_", "what"),
    [
        (LOCKED, b"\x90", "a lock has become something else"),
        (SEALED, b"\x90" * 4, "an endbr64 has become something else"),
        (CONSTANT, struct.pack("<QQ", 5, 6), "a constant is another one than elsewhere"),
        (LABEL, leads(b"\xe9", LABEL, TARGET + 1), "a jump label leads to where it should not"),
        (0x20, b"\xcc", "the code was changed"),
        (0x21, b"\x48\x31\xc0\xc3", "the code was changed"),
    ],
)
def test_other_changes(kernel: Kernel, at: int, bytes_: bytes, what: str) -> None:
    kernel.put(at, bytes_)
    difference = only(kernel)
    assert (difference.bad.what, difference.bad.leads is None) == (what, at != LABEL)


@pytest.mark.parametrize(
    ("at", "bytes_", "kind"),
    [
        (INDIRECT, b"\x90" * 5, "retpoline"),
        (CALLED, NOP5, "call"),
        (STATIC, b"\x48\x89\xf8\x90\x90", "static call"),
        (PARAVIRT, b"\x48\x31\xff\x90\x90\x90", "paravirt"),
        (ALTERNATIVE, b"\x48\x31\xff\x90\x90\x90\x90\x90", "alternative"),
        (TARGET - 20, b"\x65\x48\xc1\x3c\x25", "code"),
    ],
)
def test_what_is_not_understood_is_counted(kernel: Kernel, at: int, bytes_: bytes, kind: str) -> None:
    kernel.put(at, bytes_)
    found = result(kernel)
    assert found.differences == ()
    assert found.why == (f"1 places were not understood ({kind})",)


def test_what_lies_in_an_alternative(kernel: Kernel) -> None:
    """A return there may become one, or the alternative, but not lead out."""
    text = text_of_image()
    text[ALTERNATIVE : ALTERNATIVE + 5] = leads(b"\xe9", ALTERNATIVE, THUNK)
    kernel.put(ALTERNATIVE, RETURN)
    there = image_of(text, (ALTERNATIVE, RETURNED))
    assert compare.compare(there, kernel) == compare.Result(SIZE, (), ())
    kernel.put(ALTERNATIVE, b"\x0f\xae\xe8" + b"\x0f\x1f\x44\x00\x00")
    assert compare.compare(there, kernel) == compare.Result(SIZE, (), ())
    kernel.put(ALTERNATIVE, outside(kernel, ALTERNATIVE) + b"\x90" * 3)
    (difference,) = compare.compare(there, kernel).differences
    assert (difference.offset, difference.bad.leads) == (ALTERNATIVE, MODULE)


def test_a_byte_that_looks_like_what_does_nothing(kernel: Kernel) -> None:
    """A jump's distance of 0x2e, which may also begin what does nothing (__memcpy without REP_GOOD)."""
    text = text_of_image()
    text[ALTERNATIVE : ALTERNATIVE + 8] = b"\xeb\x2e" + b"\x90" * 6
    kernel.put(ALTERNATIVE, bytes.fromhex("eb2e0f1f0066 6690"))
    assert compare.compare(image_of(text), kernel) == compare.Result(SIZE, (), ())
    kernel.put(ALTERNATIVE, bytes.fromhex("eb2f0f1f0066 6690"))
    assert compare.compare(image_of(text), kernel).why == ("1 places were not understood (alternative)",)


def test_many_changes_are_a_kernel_that_is_not_understood(kernel: Kernel) -> None:
    for at in range(0x1500, 0x1F00, 16):
        kernel.put(at, b"\xf4")
    kernel.put(0, outside(kernel, 0))
    found = result(kernel)
    assert [one.offset for one in found.differences] == [0]
    assert found.why == (f"{len(range(0x1500, 0x1F00, 16))} places were not understood (code)",)


def test_tracers_and_kprobes(kernel: Kernel) -> None:
    kernel.put(TRACED, outside(kernel, TRACED, b"\xe8", MODULE + 8192))
    kernel.trampolines.add(MODULE + 8192)
    kernel.put(0x20, b"\xcc")
    kernel.put(0x40, outside(kernel, 0x40, b"\xe9", MODULE + 16384))
    kernel.put(ALTERNATIVE, b"\xcc")
    kernel.kprobes |= {kernel.base + at for at in (0x20, 0x40, ALTERNATIVE)}
    assert result(kernel) == compare.Result(SIZE, (), ())
    kernel.kprobes.clear()
    kernel.trampolines.clear()
    assert {one.offset for one in result(kernel).differences} == {TRACED, 0x20, 0x40}


def test_the_callers_of_the_tracer(kernel: Kernel) -> None:
    kernel.put(TRACED, leads(b"\xe8", TRACED, TRACER - 16))
    assert result(kernel).differences == ()
    kernel.put(TRACED, leads(b"\xe8", TRACED, TRACER))
    assert only(kernel).bad.what == "the place of the function tracer has something else"


def test_where_nobody_can_be_asked(kernel: Kernel) -> None:
    kernel.judged = False
    kernel.put(TRACED, outside(kernel, TRACED, b"\xe8"))
    kernel.put(0x20, b"\xcc")
    found = result(kernel)
    assert found.differences == ()
    assert found.why == ("1 breakpoints were not judged", "1 calls of tracers were not judged")


def test_code_that_is_being_patched(kernel: Kernel) -> None:
    """A breakpoint stands at the first byte until the others are there."""
    kernel.put(LABEL, b"\xcc")
    kernel.looks = [lambda: None] * 2 + [lambda: kernel.put(LABEL, NOP5)]
    assert result(kernel).differences == ()


def test_an_image_that_does_not_fit(kernel: Kernel) -> None:
    symbols = dict(kernel.symbols)
    for change in ({"_etext": kernel.base + SIZE + 1}, {"_stext": kernel.base + 4096}):
        kernel.symbols = {**symbols, **change}
        with pytest.raises(NoImage, match="another text"):
            result(kernel)
    del symbols["_etext"]
    kernel.symbols = symbols
    with pytest.raises(NoImage, match="no symbol _etext"):
        result(kernel)


def test_without_tables(kernel: Kernel) -> None:
    """What they would have named counts as changed, unless it is as in the image."""
    kernel.put(TRACED, leads(b"\xe8", TRACED, THUNK))
    names = ("_text", "_stext", "_etext")
    kernel.symbols = {name: kernel.symbols[name] for name in names}
    found = result(kernel)
    assert found.differences == ()
    (why,) = found.why
    assert why.startswith("tables that were not found: __start_mcount_loc, ")


def test_a_kernel_that_was_moved_needs_relocations() -> None:
    kernel = Kernel(0x200000)
    there = image_of(text_of_image())
    there.relocations = []
    with pytest.raises(NoImage, match="does not say what changes when the kernel is moved"):
        compare.compare(there, kernel)


def test_code() -> None:
    assert code.with_nops(bytes.fromhex("480f1f0090660f1f440000")) == b"\x48" + b"\x90" * 10
    assert code.with_nops(b"\xeb\x02\xcc\xcc\x48") == b"\x90" * 4 + b"\x48"
    assert code.with_nops(b"\xeb\x03\xcc\xcc\x48") == b"\xeb\x03\xcc\xcc\x48"
    assert code.with_nops(b"\xeb") == b"\xeb"
    assert code.is_idle(b"\x90\xcc\xcc")
    assert not code.is_idle(b"\x48")
    assert code.target(b"\xeb\xfe", 100) == 100
    assert code.target(bytes.fromhex("0f84f6ffffff"), 100) == 96
    assert code.target(b"\xe8\0\0", 0) is None
