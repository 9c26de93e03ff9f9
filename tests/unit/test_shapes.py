# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksonde import shapes


@given(st.binary(max_size=60))
def test_text_gives_its_bytes_back(data: bytes) -> None:
    assert os.fsencode(shapes.text(data)) == data


@given(st.lists(st.binary(max_size=8).map(lambda item: item.replace(b"\0", b"")), max_size=6))
def test_vectors_give_their_elements_back(items: list[bytes]) -> None:
    data = b"".join(item + b"\0" for item in items)
    assert [os.fsencode(item) for item in shapes.vector(data)] == items


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ()),
        (b"\0", ("",)),
        (b"a\0b", ("a", "b")),
        (b"a\0\0", ("a", "")),
        (b"\xc3\0\xa4\0", ("\udcc3", "\udca4")),
        ("ä".encode()[:1], ("\udcc3",)),
    ],
)
def test_vector(data: bytes, expected: tuple[str, ...]) -> None:
    assert shapes.vector(data) == expected


@pytest.mark.parametrize(
    ("data", "expected"), [(b"sh" + bytes(14), "sh"), (b"a\0b", "a"), (b"x" * 16, "x" * 16), (b"", "")]
)
def test_padded_text(data: bytes, expected: str) -> None:
    assert shapes.padded_text(data) == expected


@pytest.mark.parametrize(
    ("data", "family", "expected"),
    [
        (bytes([192, 0, 2, 1]) + bytes(12), 2, "192.0.2.1"),
        (bytes([192, 0, 2, 1]), 2, "192.0.2.1"),
        (bytes(15) + b"\1", 10, "::1"),
        (bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 1]), 10, "::ffff:192.0.2.1"),
        (b"\1\2", 10, "0102"),
        (b"\1\2\3", 2, "010203"),
        (b"\1\2", None, "0102"),
        (b"\1\2", 16, "0102"),
    ],
)
def test_address(data: bytes, family: int | None, expected: str) -> None:
    assert shapes.address(data, family) == expected
