# SPDX-License-Identifier: GPL-2.0-only
"""A session: an open file of the device that records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from . import RingMode
    from .device import Device
    from .record import Record


@dataclass(frozen=True)
class Stats:
    """Sums of a session since its start; dropped is by reason: full, nested, overwritten, missed."""

    started: bool
    produced: int
    delivered: int
    dropped: dict[str, int]
    filtered: int
    lost_records: int
    wakeups: int


@dataclass(frozen=True)
class EventStats:
    """Sums of one event."""

    event: str
    produced: int
    delivered: int
    dropped: dict[str, int]


@dataclass(frozen=True)
class CpuStats:
    """One ring."""

    cpu: int
    head: int
    position: int
    bytes: int
    dropped: int


class Session:
    """See ksonde.open()."""

    device: Device

    def __init__(  # noqa: PLR0913 - documented at ksonde.open()
        self,
        events: Iterable[str] | None = None,
        *,
        ring_bytes: int = 4 << 20,
        mode: RingMode = "lossless-count",
        watermark: int = 0,
        latency: float = 0.010,
        follow: int | None = None,
        skip_self: bool = True,
        device: str = "/dev/ksonde",
        start: bool = True,
    ) -> None:
        raise NotImplementedError

    @property
    def events(self) -> tuple[str, ...]:
        """Names of the events asked for."""
        raise NotImplementedError

    @property
    def lost(self) -> int:
        """Records lost, as the LOST records read so far say."""
        raise NotImplementedError

    @property
    def cpus(self) -> tuple[int, ...]:
        """CPUs that have a ring."""
        raise NotImplementedError

    def read(self, timeout: float | None = None) -> list[Record]:
        """Wait up to timeout seconds for at least one record; [] when none came."""
        raise NotImplementedError

    def read_raw(self, timeout: float | None = None) -> list[bytes]:
        """The same, undecoded."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Record]:
        raise NotImplementedError

    def start(self) -> None:
        """Begin to record."""
        raise NotImplementedError

    def stop(self) -> None:
        """No longer record; what is in the rings can still be read."""
        raise NotImplementedError

    def close(self) -> None:
        """End the session; may be called again."""
        raise NotImplementedError

    def fileno(self) -> int:
        """The file descriptor, readable when there are records."""
        raise NotImplementedError

    def follow(self, tgid: int | None) -> None:
        """Only process tgid and what it starts from now on; None: all.  NoSuchProcess."""
        raise NotImplementedError

    def skip(self, tgid: int | None) -> None:
        """Nothing of process tgid; None: of all."""
        raise NotImplementedError

    def stats(self) -> Stats:
        """Sums since start."""
        raise NotImplementedError

    def event_stats(self, name: str) -> EventStats:
        """Sums of one event.  UnknownEvent."""
        raise NotImplementedError

    def cpu_stats(self, cpu: int) -> CpuStats:
        """One ring."""
        raise NotImplementedError

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
