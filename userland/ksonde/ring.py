# SPDX-License-Identifier: GPL-2.0-only
"""The rings: bytes that the driver writes and this process reads without a system call.

Reading has two steps.  take() copies whole records out and changes nothing; release() tells the driver what
it may write over.  Both can be interrupted and done again.

The head is loaded as one 64-bit word.  On x86 no load that follows is done before it.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, Protocol

from . import uapi
from .errors import BadRecord

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterable, Sequence

__all__ = ["Batch", "CpuRing", "Rings", "record_time", "split"]

_LENGTH = Struct("<I").unpack_from
_TIME = Struct("<Q").unpack_from
_HEADER = uapi.Header.sizeof()
_TIME_OFFSET = 24

#: Bytes that are taken from one ring at a time; more than the longest record.
TAKE_MAX = 256 << 10


class Mapper(Protocol):
    """What rings need of a node."""

    def mmap(self, region: uapi.Region, cpu: int, length: int) -> mmap.mmap:
        """Map a region."""
        ...


class Batch(NamedTuple):
    """Whole records, and where each ring is read to when they have been."""

    positions: tuple[int, ...]
    records: list[bytes]


def record_time(raw: bytes) -> int:
    """Time of a record, CLOCK_BOOTTIME nanoseconds."""
    return int(_TIME(raw, _TIME_OFFSET)[0])


def split(data: bytes, *, cut: bool = False, base: int = 0) -> list[bytes]:
    """Cut bytes into records.

    Args:
        data: records one behind the other.
        cut: the last one may be incomplete, and is left out then.
        base: what offset data has, for errors.

    Raises:
        BadRecord: a length that no record can have.
    """
    records = []
    at, end = 0, len(data)
    while at < end:
        if end - at < _HEADER:
            if cut:
                break
            raise BadRecord(f"{end - at} bytes are less than a header", base + at)
        (length,) = _LENGTH(data, at)
        if not _HEADER <= length <= uapi.RECORD_MAX or length & 7:
            raise BadRecord(f"a length of {length}", base + at)
        if length > end - at:
            if cut:
                break
            raise BadRecord(f"{end - at} bytes are left of {length}", base + at)
        records.append(data[at : at + length])
        at += length
    return records


class CpuRing:
    """One CPU's ring.

    Attributes:
        cpu: whose it is.
        bytes: its size.
    """

    def __init__(self, mapper: Mapper, cpu: int, size: int, page_size: int) -> None:
        self.cpu = cpu
        self.bytes = size
        self._maps: list[mmap.mmap] = []
        try:
            for region, length in (
                (uapi.Region.CONTROL, page_size),
                (uapi.Region.POSITION, page_size),
                (uapi.Region.DATA, 2 * size),
            ):
                self._maps.append(mapper.mmap(region, cpu, length))
        except BaseException:
            self._unmap()
            raise
        control, position, self._data = self._maps
        self._control = memoryview(control).cast("Q")
        self._position = memoryview(position).cast("Q")

    @property
    def head(self) -> int:
        """End of the last whole record, bytes ever written."""
        return self._control[0]

    @property
    def oldest(self) -> int:
        """Flight recorder: begin of the oldest whole record."""
        return self._control[1]

    @property
    def dropped(self) -> int:
        """Records dropped on this CPU."""
        return self._control[3]

    def take(self, position: int) -> tuple[int, list[bytes], bool]:
        """Copy whole records from position on: where they begin, the records, and whether there are more.

        Raises:
            BadRecord: what the driver says cannot be.
        """
        head = self.head
        position = max(position, self.oldest)
        unread = head - position
        if not 0 <= unread <= self.bytes:
            raise BadRecord(
                f"the head of CPU {self.cpu} is at {head} of a ring of {self.bytes} bytes", position
            )
        if not unread:
            return position, [], False
        cut = unread > TAKE_MAX
        start = position & (self.bytes - 1)
        data = self._data[start : start + min(unread, TAKE_MAX)]
        return position, split(data, cut=cut, base=position), cut

    def release(self, position: int) -> None:
        """What lies before position has been read."""
        self._position[0] = position

    def close(self) -> None:
        """Unmap; may be called again."""
        if self._maps:
            self._control.release()
            self._position.release()
            self._unmap()

    def _unmap(self) -> None:
        while self._maps:
            self._maps.pop().close()


class Rings:
    """The rings of all CPUs, read as one stream."""

    def __init__(self, mapper: Mapper, cpus: Iterable[int], size: int, page_size: int) -> None:
        self.rings: list[CpuRing] = []
        try:
            for cpu in cpus:
                self.rings.append(CpuRing(mapper, cpu, size, page_size))
        except BaseException:
            self.close()
            raise

    @property
    def begin(self) -> Batch:
        """The batch that everything is behind."""
        return Batch((0,) * len(self.rings), [])

    def take(self, positions: Sequence[int]) -> Batch:
        """Records from positions on, sorted by time.  When a ring has more than is taken at once, the others
        are read only up to the same time, so that the stream stays in order.

        Raises:
            BadRecord: see CpuRing.take().
        """
        taken = [ring.take(position) for ring, position in zip(self.rings, positions)]
        # Records of nested probes can stand in another order than their times: hence max.
        limit = min((max(map(record_time, records)) for _, records, more in taken if more), default=None)
        ends = []
        batch: list[bytes] = []
        for position, records, _ in taken:
            kept = records if limit is None else _until(records, limit)
            ends.append(position + sum(map(len, kept)))
            batch += kept
        batch.sort(key=record_time)
        return Batch(tuple(ends), batch)

    def release(self, positions: Sequence[int]) -> None:
        """What lies before positions has been read."""
        for ring, position in zip(self.rings, positions):
            ring.release(position)

    def close(self) -> None:
        """Unmap all; may be called again."""
        for ring in self.rings:
            ring.close()


def _until(records: list[bytes], limit: int) -> list[bytes]:
    """Records up to the first one later than limit."""
    for number, raw in enumerate(records):
        if record_time(raw) > limit:
            return records[:number]
    return records
