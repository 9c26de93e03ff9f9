# SPDX-License-Identifier: GPL-2.0-only
"""x86-64: instructions that kernels put into their own code, as bytes."""

from __future__ import annotations

import re
import struct
from functools import lru_cache

__all__ = [
    "CALL",
    "INT3",
    "JUMP",
    "NOP5",
    "SHORT_JUMP",
    "ends_idle",
    "idle",
    "is_idle",
    "target",
    "with_nops",
]

CALL, JUMP, SHORT_JUMP, INT3 = 0xE8, 0xE9, 0xEB, 0xCC
#: All that kernels have used for five bytes that do nothing.
NOP5 = frozenset(
    bytes.fromhex(text) for text in ("0f1f440000", "6666666690", "6666906690", "3e8d742600", "908d742600")
)
_IDLE = re.compile(
    rb"(?:\x66{0,8}\x90|\x66{0,6}\x2e?\x0f\x1f(?:\x00|\x40\x00|\x44\x00\x00|\x80\x00{4}|\x84\x00{5}))"
)
_ALL_IDLE = re.compile(_IDLE.pattern + rb"*(?:\xcc|" + _IDLE.pattern + rb")*", re.DOTALL)
_REL32 = struct.Struct("<i")


@lru_cache(maxsize=4096)
def with_nops(code: bytes) -> bytes:
    """The same code, where all that does nothing does it a byte at a time."""
    plain = bytearray(_IDLE.sub(lambda match: b"\x90" * len(match[0]), code))
    at = len(plain)
    while (at := plain.rfind(b"\xeb", 0, at)) >= 0:
        # A jump over what does nothing: what is longer than a few bytes gets one (v5.13).
        end = at + 2 + plain[at + 1] if at + 1 < len(plain) else len(plain) + 1
        if end <= len(plain) and not plain[at + 2 : end].strip(b"\x90\xcc"):
            plain[at:end] = b"\x90" * (end - at)
    return bytes(plain)


def ends_idle(one: bytes, other: bytes) -> bool:
    """Whether they differ at the end only, in how what does nothing is written.

    with_nops() misses that where an instruction ends with what looks like the begin of what does nothing.
    """
    begin = next((at for at, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
    return is_idle(one[begin:]) and is_idle(other[begin:])


def is_idle(code: bytes) -> bool:
    """Whether it does nothing, or is never reached."""
    return _ALL_IDLE.fullmatch(code) is not None


def idle(code: bytes) -> bool:
    """As is_idle(), and a jump over the rest counts, too."""
    if len(code) >= 2 and code[0] == SHORT_JUMP and code[1] <= len(code) - 2:
        return True
    return is_idle(code)


def target(code: bytes, at: int) -> int | None:
    """Where a call or jump of five or six bytes at address at leads; None: it is another instruction."""
    if len(code) >= 5 and code[0] in (CALL, JUMP):
        return at + 5 + int(_REL32.unpack_from(code, 1)[0]) & (1 << 64) - 1
    if len(code) >= 6 and code[0] == 0x0F and code[1] & 0xF0 == 0x80:
        return at + 6 + int(_REL32.unpack_from(code, 2)[0]) & (1 << 64) - 1
    if len(code) >= 2 and code[0] == SHORT_JUMP:
        return at + 2 + (code[1] ^ 0x80) - 0x80
    return None
