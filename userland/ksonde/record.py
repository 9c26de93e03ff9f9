# SPDX-License-Identifier: GPL-2.0-only
"""A record: what happened, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar


class Record:
    """The base of all records; the schema gives each event a class of its own (Decoder)."""

    __slots__ = ()

    event: ClassVar[str]
    id: ClassVar[int]
    time: int
    cpu: int
    seq: int
    flags: int
    hook: int | None
    absent: int
    raw: bytes

    @property
    def truncated(self) -> bool:
        """A string or list was cut."""
        raise NotImplementedError

    @property
    def compat(self) -> bool:
        """The task made a 32-bit system call."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: event, id, time, cpu, seq, flags, process, data."""
        raise NotImplementedError

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
