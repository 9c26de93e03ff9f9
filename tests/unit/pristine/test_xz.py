# SPDX-License-Identifier: GPL-2.0-only
"""A kernel packed by xz as its build packs it for x86: slices are those of what was packed."""

from __future__ import annotations

import contextlib
import lzma
import random
import struct

import pytest

from ksonde.pristine import xz

FILTERS = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 1}]


def payload(data: bytes, filters: list[dict[str, int]] = FILTERS) -> bytes:
    packed = lzma.compress(data, check=lzma.CHECK_CRC32, filters=filters)
    return packed + struct.pack("<I", len(data))


def code(size: int, calls: int) -> bytes:
    """Bytes among which calls and jumps are, about so many of a hundred, and others before and in them."""
    dice = random.Random(calls)
    data = bytearray()
    while len(data) < size:
        if dice.randrange(100) < calls:
            data += dice.choice((b"\xe8", b"\xe9")) + dice.randrange(1 << 24).to_bytes(3, "little")
            data += dice.choice((b"\0", b"\xff", b"\xe8", b"\x01"))
        else:
            data += dice.choice((b"\x48", b"\x90", b"\0\0\0\0\0\0\0\0", b"\x8b\x47\x08"))
    return bytes(data[:size])


@pytest.mark.parametrize("calls", [0, 5, 50, 100])
def test_slices(calls: int) -> None:
    data = code(200_000, calls)
    found = xz.unpacked(payload(data))
    assert found is not None
    assert len(found) == len(data)
    assert found[:] == data
    assert found._data[:] != data or not calls
    dice = random.Random(0)
    for _ in range(300):
        begin = dice.randrange(len(data))
        end = begin + dice.choice((0, 1, 4, 5, 6, 100, 40_000))
        assert found[begin:end] == data[begin:end]
        assert found[begin - len(data) : end] == data[begin - len(data) : end]
    assert found[5:3] == b""
    assert found.copy(slice(7, 70_000)) == data[7:70_000]


def test_the_first_and_the_last_bytes() -> None:
    data = b"\xe8\1\0\0\0" * 40
    found = xz.unpacked(payload(data))
    assert found is not None
    for at in range(12):
        assert found[at : at + 9] == data[at : at + 9]
        assert found[-at - 1 :] == data[-at - 1 :]


def test_nothing_but_zeros() -> None:
    found = xz.unpacked(payload(bytes(3 << 15)))
    assert found is not None
    assert found[:] == bytes(3 << 15)


def test_other_steps() -> None:
    found = xz.unpacked(payload(b"12345678"))
    assert found is not None
    with pytest.raises(ValueError, match="follow each other"):
        found[::2]


@pytest.mark.parametrize(
    "packed",
    [
        payload(bytes(100), [FILTERS[1]]),
        payload(bytes(100), [{"id": lzma.FILTER_X86, "start_offset": 4}, FILTERS[1]]),
        payload(bytes(100), [{"id": lzma.FILTER_DELTA, "dist": 4}, FILTERS[1]]),
        lzma.compress(bytes(100), filters=FILTERS),
        payload(bytes(100))[:-4] + struct.pack("<I", 99),
        payload(bytes(100))[:-4] + struct.pack("<I", 101),
        payload(bytes(100))[:-4] + bytes(4),
    ],
    ids=["no filter", "an offset", "another filter", "no size", "too small a size", "too large", "none"],
)
def test_what_is_packed_in_another_way(packed: bytes) -> None:
    assert xz.unpacked(packed) is None


def test_damage_is_found() -> None:
    """The checksum is not looked at, and need not be."""
    packed = payload(code(300_000, 20))
    dice = random.Random(1)
    for _ in range(100):
        broken = bytearray(packed)
        # Behind the headers, before the end of the block.
        broken[dice.randrange(24, len(packed) - 48)] ^= 1 << dice.randrange(8)
        with contextlib.suppress(lzma.LZMAError, EOFError):
            assert xz.unpacked(bytes(broken)) is None


@pytest.mark.parametrize("end", [0, 18, 19, 40, 5000])
def test_the_end_is_missing(end: int) -> None:
    packed = payload(code(100_000, 20))
    with pytest.raises((lzma.LZMAError, EOFError, struct.error)):
        xz.unpacked(packed[:end] + packed[-4:] if end > 19 else packed[:end])
