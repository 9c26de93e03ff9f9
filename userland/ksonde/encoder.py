# SPDX-License-Identifier: GPL-2.0-only
"""Records that this side makes: by the driver's schema, so that whatever reads a record reads these."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from . import uapi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .schema import EventSchema, Field

__all__ = ["encode"]

_HEADER = struct.Struct("<IHHIIQQQ")
_INTEGERS = {"u16": "<H", "u32": "<I", "u64": "<Q", "s32": "<i", "s64": "<q"}
_TRUNCATED = 0x0001
#: Bytes of a text; the longest that the driver writes are shorter.
_TEXT = 1024


def encode(event: EventSchema, values: Mapping[str, Any], time: int) -> bytes:
    """A record's bytes; it has no hook, CPU 0 and number 0, as no probe made it.

    Args:
        event: without a context.
        values: int or str by the field's name; what is missing, None, or not of the field's type is absent.
        time: CLOCK_BOOTTIME, nanoseconds.
    """
    fixed, tail = bytearray(event.size), bytearray()
    absent = flags = 0
    for number, field in enumerate(event.fields):
        value = values.get(field.name)
        if field.type == "str" and isinstance(value, str):
            data = value.encode("utf-8", "surrogateescape")
            flags |= _TRUNCATED if len(data) > _TEXT else 0
            struct.pack_into("<HH", fixed, field.offset, event.size + len(tail), len(data[:_TEXT]))
            tail += data[:_TEXT]
        elif not _put(fixed, field, value):
            absent |= 1 << (32 + number)
    tail += bytes(-(event.size + len(tail)) % 8)
    length = len(fixed) + len(tail)
    _HEADER.pack_into(fixed, 0, length, event.id, flags, 0, uapi.NO_HOOK, 0, time, absent)
    return bytes(fixed + tail)


def _put(fixed: bytearray, field: Field, value: Any) -> bool:
    """Write an integer, if it is one that the field can have."""
    if field.type not in _INTEGERS or not isinstance(value, int):
        return False
    try:
        struct.pack_into(_INTEGERS[field.type], fixed, field.offset, value)
    except struct.error:
        return False
    return True
