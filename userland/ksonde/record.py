# SPDX-License-Identifier: GPL-2.0-only
"""A record: what happened, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

__all__ = ["FLAG_NAMES", "Record", "flag_names"]

_TRUNCATED = 0x0001
_COMPAT = 0x0002

#: Names of the flags, by bit (KSONDE_F_* of driver/LKM/uapi/ksonde.h).
FLAG_NAMES = (
    "truncated",
    "compat",
    "reread",
    "kthread",
    "uncached",
    "irq",
    "outside",
    "deleted",
    "overlay",
)

_names_of: dict[int, list[str]] = {0: []}


def flag_names(flags: int) -> list[str]:
    """Names of the flags that are set; "bitN" for one that this package does not know.  A fresh list."""
    names = _names_of.get(flags)
    if names is None:
        names = [
            FLAG_NAMES[bit] if bit < len(FLAG_NAMES) else f"bit{bit}" for bit in range(16) if flags >> bit & 1
        ]
        _names_of[flags] = names
    return names.copy()


class Record:
    """The base of all records.  Each event has a class of its own, made from the driver's schema (Decoder).

    The fields of the process context and of the event are attributes: integers are int, text is str (UTF-8
    with surrogateescape, so that os.fsencode() gives the bytes back), vectors are tuples of str, lists are
    tuples of named tuples, addresses are str.  A field without a value is None.  A field whose name is taken
    has an underscore appended (Field.attribute).  Text is decoded when it is asked for.

    Attributes:
        event: name of the event.
        id: its number.
        time: CLOCK_BOOTTIME, nanoseconds.
        cpu: where it was recorded.
        seq: its number in the session's records of this CPU.
        flags: KSONDE_F_* bits.
        hook: index of the hook that recorded it, None for the stream's own records.
        absent: which fields have no value: bit i for the i-th of the context, 32 + i of the event.
        raw: its bytes.
    """

    __slots__ = ()

    event: ClassVar[str]
    id: ClassVar[int]
    time: int
    cpu: int
    seq: int
    flags: int
    absent: int
    raw: bytes

    @property
    def hook(self) -> int | None:
        """Index of the hook that recorded it, None for the stream's own records."""
        raise NotImplementedError  # pragma: no cover - every generated class has it

    @property
    def truncated(self) -> bool:
        """A string or list was cut."""
        return bool(self.flags & _TRUNCATED)

    @property
    def compat(self) -> bool:
        """The task made a 32-bit system call."""
        return bool(self.flags & _COMPAT)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: event, id, time, cpu, seq, flags (names), process (the context) and data (the event).

        Bytes become hexadecimal text, lists become dicts.  process is empty for records that no task made.
        """
        raise NotImplementedError  # pragma: no cover - every generated class has it

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Record):
            return self.raw == other.raw and self.event == other.event
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        data = ", ".join(f"{name}={value!r}" for name, value in self.to_dict()["data"].items())
        return f"<{self.event} cpu={self.cpu} seq={self.seq} time={self.time} {data}>"

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
