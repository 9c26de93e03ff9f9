# SPDX-License-Identifier: GPL-2.0-only
"""A kernel's image of a few sections, for tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

BASE = 0xFFFFFFFF81000000
BUILD_ID = b"0123456789abcdefghij"


def note(name: bytes, kind: int, value: bytes) -> bytes:
    return struct.pack("<III", len(name), len(value), kind) + name + bytes(-len(name) % 4) + value


NOTES = note(b"Linux\0", 257, b"x") + bytes(3) + note(b"GNU\0", 3, BUILD_ID)


def make(sections: Mapping[str, tuple[int, bytes]], relocations: Sequence[Sequence[int]] = ()) -> bytes:
    """An ELF file.

    Args:
        sections: address and bytes by name.
        relocations: lists that follow it, each with a 0 before.
    """
    names = b"\0" + b"".join(name.encode() + b"\0" for name in sections) + b".shstrtab\0"
    data = b""
    headers = [bytes(64)]
    for name, (address, content) in sections.items():
        place = names.index(b"\0" + name.encode() + b"\0") + 1
        headers.append(
            struct.pack("<IIQQQQIIQQ", place, 1, 2, address, 64 + len(data), len(content), 0, 0, 1, 0)
        )
        data += content
    place = names.index(b"\0.shstrtab\0") + 1
    headers.append(struct.pack("<IIQQQQIIQQ", place, 3, 0, 0, 64 + len(data), len(names), 0, 0, 1, 0))
    data += names
    data += bytes(-len(data) % 4)
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQ", 2, 62, 1, BASE, 0, 64 + len(data))
    head += struct.pack("<IHHHHHH", 0, 64, 0, 0, 64, len(headers), len(headers) - 1)
    rest = b"".join(struct.pack(f"<{len(words) + 1}I", 0, *words) for words in relocations)
    return head + data + b"".join(headers) + rest
