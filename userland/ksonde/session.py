# SPDX-License-Identifier: GPL-2.0-only
"""A session: an open file of the device that records."""

from __future__ import annotations

import ctypes
import errno
import os
import time
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from . import uapi
from .decoder import Decoder
from .device import Device
from .errors import Busy, DriverError, KsondeError, NoSuchProcess
from .ring import Batch, Rings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    from . import RingMode
    from .limits import Limit
    from .portscan import PortScan
    from .record import Record
    from .rules import Rule

__all__ = ["CpuStats", "EventStats", "RuleStats", "Session", "Stats"]

_MODES = {
    "lossless-count": uapi.RingMode.LOSSLESS_COUNT,
    "flight-recorder": uapi.RingMode.FLIGHT_RECORDER,
}
_CPU_MAX = 1 << 16
_by_time = attrgetter("time")


@dataclass(frozen=True)
class Stats:
    """Sums of a session since its start, LOST records apart.

    produced = delivered + all that was dropped; but what was overwritten had been delivered before.

    Attributes:
        started: it records.
        produced: records that passed the filters.
        delivered: of those, put into a ring.
        dropped: records by reason: full, nested, overwritten, missed, rate_limit, governor.
        filtered: held back by the filters.
        lost_records: LOST records put into a ring.
        wakeups: of the reader.
    """

    started: bool
    produced: int
    delivered: int
    dropped: dict[str, int]
    filtered: int
    lost_records: int
    wakeups: int


@dataclass(frozen=True)
class EventStats:
    """The same of one event.

    Attributes:
        event: its name.
        produced, delivered, dropped: as in Stats.
    """

    event: str
    produced: int
    delivered: int
    dropped: dict[str, int]


@dataclass(frozen=True)
class RuleStats:
    """What a rule decided since it was set.

    Attributes:
        rule: it; None: no include rule matched.
        records: held back; of an include rule: let through.
    """

    rule: Rule | None
    records: int


@dataclass(frozen=True)
class CpuStats:
    """One ring.

    Attributes:
        cpu: whose it is.
        head: bytes ever written.
        position: of them, read.
        bytes: the ring's size.
        dropped: records.
    """

    cpu: int
    head: int
    position: int
    bytes: int
    dropped: int

    @property
    def fill(self) -> float:
        """Part of the ring that waits for the reader, 0 to 1."""
        return min(self.head - self.position, self.bytes) / self.bytes if self.bytes else 0.0


class _Decoded:
    """Decoded records, how many of them were handed out, and what they were decoded from."""

    __slots__ = ("batch", "index", "lost", "records")

    def __init__(self, batch: Batch, records: list[Record], lost: int) -> None:
        self.batch = batch
        self.records = records
        self.lost = lost
        self.index = 0


class Session:
    """An open session; a context manager, and iterable.  Arguments and errors: ksonde.open().

    An exception from outside (KeyboardInterrupt) costs no record: what was not handed out yet comes with the
    next read(), or the next loop.

    Attributes:
        device: the device, to be asked for schema, hooks and versions.
        events: names of the events asked for.
        rules: what is recorded of whom; set_rules() changes it.
        limits: how many records a second; set_limits() changes it.
        port_scan: what is a scan of ports; set_port_scan() changes it.
    """

    device: Device
    events: tuple[str, ...]
    rules: tuple[Rule, ...]
    limits: tuple[Limit, ...]
    port_scan: PortScan | None

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
        rules: Iterable[Rule] = (),
        limits: Iterable[Limit] = (),
        port_scan: PortScan | None = None,
        device: str = "/dev/ksonde",
        start: bool = True,
    ) -> None:
        self._rings: Rings | None = None
        self._started = False
        self._mode = mode
        self._ring_bytes = ring_bytes
        self._tree: int | None = follow
        self._skipped: int | None = os.getpid() if skip_self else None
        self._taken = Batch((), [])
        self._decoded = _Decoded(self._taken, [], 0)
        self.device = Device(device)
        try:
            self._info = self.device.info()
            schema = self.device.schema()
            self._decoder = Decoder(schema)
            self.events = schema.profile() if events is None else tuple(dict.fromkeys(events))
            self._set_events([schema.event(name).id for name in self.events])
            self._set_ring(watermark, latency)
            self._set_filter()
            self.rules = ()
            wanted = tuple(rules)
            if wanted:
                self.set_rules(wanted)
            self.limits = ()
            limited = tuple(limits)
            if limited:
                self.set_limits(limited)
            self.port_scan = None
            if port_scan is not None:
                self.set_port_scan(port_scan)
            self._cpus = self._possible_cpus()
            if start:
                self.start()
        except BaseException:
            self.close()
            raise

    # ---------------------------------------------------------- reading --

    def read(self, timeout: float | None = None) -> list[Record]:
        """Records, oldest first.

        Args:
            timeout: seconds to wait for at least one; None: for ever.

        Returns:
            What there is, a few hundred KiB of records at most; [] when nothing came in time or, of a session
            that was stopped, when all have been read.

        Raises:
            SessionClosed: it is closed.
            Busy: a flight recorder is read after stop().
            BadRecord: the driver and its schema disagree.
        """
        while self._decoded.index >= len(self._decoded.records):
            if not self._take(timeout):
                return []
            self._decode()
        decoded = self._decoded
        records = decoded.records[decoded.index :]
        # Nothing can interrupt between this and the return.
        decoded.index = len(decoded.records)
        return records

    def read_raw(self, timeout: float | None = None) -> list[bytes]:
        """The same, undecoded: each record's bytes."""
        decoded = self._decoded
        if decoded.index < len(decoded.records):
            raws = [record.raw for record in decoded.records[decoded.index :]]
            decoded.index = len(decoded.records)
            return raws
        if not self._take(timeout):
            return []
        batch = self._taken
        lost = self._decoded.lost + sum(
            self._count_lost(raw) for raw in batch.records if raw[4] | raw[5] << 8 == uapi.LOST
        )
        self._decoded = _Decoded(batch, [], lost)
        return batch.records

    def __iter__(self) -> Iterator[Record]:
        """All records, for ever; of a session that was stopped, those that are left."""
        while True:
            decoded = self._decoded
            while decoded.index < len(decoded.records):
                record = decoded.records[decoded.index]
                decoded.index += 1
                yield record
                decoded = self._decoded
            if not self._take(None):
                return
            self._decode()

    def decode(self, raw: bytes) -> Record:
        """A record's bytes, wherever they come from.  BadRecord."""
        return self._decoder.decode(raw)

    @property
    def lost(self) -> int:
        """Records lost, as the LOST records decoded so far say."""
        return self._decoded.lost

    def _take(self, timeout: float | None) -> bool:
        """Have undecoded records; False: none came.  Changes state by single assignments only."""
        if self._decoded.batch is not self._taken:
            return True
        rings = self._open_rings()
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            rings.release(self._taken.positions)
            batch = rings.take(self._taken.positions)
            if batch.records:
                self._taken = batch
                rings.release(batch.positions)
                return True
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not self.device.node.poll(left) and (left is not None or not self._started):
                return False

    def _decode(self) -> None:
        batch = self._taken
        records = self._decoder.decode_all(batch.records)
        lost = self._decoded.lost + sum(record.count for record in records if record.id == uapi.LOST)
        self._decoded = _Decoded(batch, records, lost)

    def _count_lost(self, raw: bytes) -> int:
        count = self._decoder.decode(raw).count
        return int(count)

    def _open_rings(self) -> Rings:
        if self._rings is None:
            self.fileno()
            raise Busy("the session was not started", "start() it")
        if self._started and self._mode == "flight-recorder":
            raise Busy("a flight recorder is being written", "stop() it, then read")
        return self._rings

    # --------------------------------------------------------- recording --

    def start(self) -> None:
        """Begin to record, into new rings: what was not read of an earlier start is gone.

        Raises:
            Busy: it records already.
            NoSuchProcess: the process to follow has ended.
        """
        if self._started:
            raise Busy("the session records already", "stop() it first")
        self._unmap()
        try:
            self.device.node.ioctl(uapi.Ioctl.START)
        except DriverError as error:
            if error.errno == errno.ESRCH and self._tree is not None:
                raise NoSuchProcess(self._tree) from error
            if error.errno == errno.ENOMEM:
                raise KsondeError(
                    f"no memory for {len(self._cpus)} rings of {self._ring_bytes} bytes",
                    "ask for smaller rings",
                ) from error
            raise
        self._started = True
        self._rings = Rings(self.device.node, self._cpus, self._ring_bytes, self._info.page_size)
        self._taken = self._rings.begin
        self._decoded = _Decoded(self._taken, [], self._decoded.lost)

    def stop(self) -> None:
        """No longer record; what is in the rings can still be read.  May be called again."""
        if self._started:
            self.device.node.ioctl(uapi.Ioctl.STOP)
            self._started = False

    def close(self) -> None:
        """End the session: the driver disarms what nobody else wants.  May be called again."""
        self._unmap()
        self._started = False
        self.device.close()

    @property
    def started(self) -> bool:
        """It records."""
        return self._started

    def fileno(self) -> int:
        """The file descriptor, readable when there are records.  SessionClosed."""
        return self.device.fileno()

    def follow(self, tgid: int | None) -> None:
        """Record only process tgid and what it starts from now on; None: all.

        Raises:
            NoSuchProcess: there is no such process.
        """
        self._filter(tgid, self._skipped)

    def skip(self, tgid: int | None) -> None:
        """Record nothing of process tgid; None: leave nothing out."""
        self._filter(self._tree, tgid)

    @property
    def skipped(self) -> int | None:
        """The process of which nothing is recorded."""
        return self._skipped

    def set_rules(self, rules: Iterable[Rule]) -> None:
        """Replace all rules, at once and as a whole: a record is judged by the old ones or by the new ones.

        Raises:
            BadRule: one can never match, or there are too many; the old ones stay.
            UnknownEvent: a rule is about an event that the driver does not have; likewise.
        """
        from .rules import check, pack

        wanted = tuple(rules)
        schema = self.device.schema()
        check(wanted, self.events, schema)
        packed = [pack(rule, schema) for rule in wanted]
        try:
            self._replace("rule", uapi.Ioctl.SET_RULES, uapi.Rules, packed, uapi.Rule.sizeof())
        except DriverError as error:
            if error.errno == errno.EOPNOTSUPP:
                raise KsondeError(
                    "this kernel has no cgroups", "leave out the rules that ask for one"
                ) from error
            raise
        self.rules = wanted

    def set_limits(self, limits: Iterable[Limit]) -> None:
        """Replace all limits, at once.

        Raises:
            BadLimit: one that makes no sense; the old ones stay.
            UnknownEvent: a limit is about an event that the driver does not have; likewise.
        """
        from .limits import check, pack

        wanted = tuple(limits)
        schema = self.device.schema()
        check(wanted, self.events, schema)
        packed = pack(wanted, schema)
        self._replace("limit", uapi.Ioctl.SET_LIMITS, uapi.Limits, packed, uapi.Limit.sizeof())
        self.limits = wanted

    def set_port_scan(self, scan: PortScan) -> None:
        """Say what is a scan of ports, at once and as a whole; PortScan(): what the module says.

        Who scans meanwhile is told anew, if it is one by that.

        Raises:
            BadPortScan: it makes no sense; what was set before stays.
        """
        from .portscan import check, pack

        check(scan, self.events)
        try:
            self.device.ask(uapi.Ioctl.SET_PORT_SCAN, uapi.PortScan, **pack(scan))
        except DriverError as error:
            if error.errno == errno.ENOTTY:
                raise KsondeError(
                    "the loaded module has one port_scan for all", "bring the module up to date"
                ) from error
            raise
        self.port_scan = scan

    def _replace(self, what: str, ioctl: uapi.Ioctl, shape: Any, packed: Sequence[bytes], size: int) -> None:
        """Give the driver an array, of which each element has that many bytes."""
        buffer = ctypes.create_string_buffer(b"".join(packed))
        where = {f"{what}s": ctypes.addressof(buffer), f"{what}_size": size}
        try:
            self.device.ask(ioctl, shape, count=len(packed), **where)
        except DriverError as error:
            if error.errno == errno.ENOTTY:
                raise KsondeError(
                    f"the loaded module knows no {what}s", "bring the module up to date"
                ) from error
            raise

    def _filter(self, tree: int | None, skipped: int | None) -> None:
        before = self._tree, self._skipped
        self._tree, self._skipped = tree, skipped
        try:
            self._set_filter()
        except BaseException:
            self._tree, self._skipped = before
            raise

    # -------------------------------------------------------- statistics --

    def stats(self) -> Stats:
        """Sums since start()."""
        answer = self.device.ask(uapi.Ioctl.STATS, uapi.Stats)
        return Stats(
            started=bool(answer.started),
            produced=answer.produced,
            delivered=answer.delivered,
            dropped=_by_reason(answer.dropped),
            filtered=answer.filtered,
            lost_records=answer.lost_records,
            wakeups=answer.wakeups,
        )

    def event_stats(self, name: str) -> EventStats:
        """Sums of one event.

        Raises:
            UnknownEvent: there is no such event.
        """
        event = self.device.schema().event(name)
        answer = self.device.ask(uapi.Ioctl.EVENT_STATS, uapi.EventStats, event=event.id)
        return EventStats(event.name, answer.produced, answer.delivered, _by_reason(answer.dropped))

    def rule_stats(self) -> list[RuleStats]:
        """What each rule decided, in their order; then what no include rule matched, where there are any."""
        rules: list[Rule | None] = [*self.rules]
        if any(rule.action == "include" for rule in self.rules):
            rules.append(None)
        return [
            RuleStats(
                rule,
                self.device.ask(
                    uapi.Ioctl.RULE_STATS,
                    uapi.RuleStats,
                    index=uapi.RULE_NONE if rule is None else number,
                ).records,
            )
            for number, rule in enumerate(rules)
        ]

    def cpu_stats(self, cpu: int) -> CpuStats:
        """One ring, as the driver sees it.

        Raises:
            DriverError: ENOENT, no such CPU; EINVAL, before the first start().
        """
        answer = self.device.ask(uapi.Ioctl.CPU_STATS, uapi.CpuStats, cpu=cpu)
        return CpuStats(answer.cpu, answer.head, answer.position, answer.bytes, answer.dropped)

    @property
    def cpus(self) -> tuple[int, ...]:
        """CPUs that have a ring."""
        return self._cpus

    # ------------------------------------------------------------- setup --

    def _set_events(self, ids: list[int]) -> None:
        mask = [0] * (uapi.EVENT_MAX // 64)
        for number in ids:
            mask[number // 64] |= 1 << number % 64
        if not ids:
            raise KsondeError("no events were asked for", "`ksonde schema` lists them")
        self.device.ask(uapi.Ioctl.SET_EVENTS, uapi.Events, mask=mask)

    def _set_ring(self, watermark: int, latency: float) -> None:
        if self._mode not in _MODES:
            raise KsondeError(f"there is no ring mode {self._mode!r}", f"use one of {', '.join(_MODES)}")
        try:
            self.device.ask(
                uapi.Ioctl.SET_RING,
                uapi.RingSetup,
                mode=_MODES[self._mode],
                bytes=self._ring_bytes,
                watermark=watermark,
                latency_ns=round(latency * 1e9),
            )
        except DriverError as error:
            if error.errno != errno.EINVAL:
                raise
            what = f"{self._ring_bytes} bytes with watermark {watermark} and latency {latency} s"
            limits = f"a power of two from {self._info.ring_min} to {self._info.ring_max}"
            raise KsondeError(
                f"the driver takes no ring of {what}",
                f"bytes: {limits}; watermark: at most that; latency: at most 1 s",
            ) from error

    def _set_filter(self) -> None:
        flags = uapi.FilterFlag(0)
        if self._skipped is not None:
            flags |= uapi.FilterFlag.SKIP_TGID
        if self._tree is not None:
            flags |= uapi.FilterFlag.TREE
        try:
            self.device.ask(
                uapi.Ioctl.SET_FILTER,
                uapi.Filter,
                flags=int(flags),
                skip_tgid=self._skipped or 0,
                tree_tgid=self._tree or 0,
            )
        except DriverError as error:
            if error.errno == errno.ESRCH and self._tree is not None:
                raise NoSuchProcess(self._tree) from error
            raise

    def _possible_cpus(self) -> tuple[int, ...]:
        """The CPUs that can be: numbers may be missing between them."""
        cpus: list[int] = []
        for cpu in range(_CPU_MAX):
            if len(cpus) == self._info.cpus:
                break
            try:
                self.device.ask(uapi.Ioctl.CPU_STATS, uapi.CpuStats, cpu=cpu)
            except DriverError as error:
                if error.errno == errno.ENOENT:
                    continue
                if error.errno != errno.EINVAL:
                    raise
            cpus.append(cpu)
        return tuple(cpus)

    def _unmap(self) -> None:
        rings, self._rings = self._rings, None
        if rings is not None:
            rings.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _by_reason(counts: Any) -> dict[str, int]:
    return {reason.name.lower(): counts[reason] for reason in uapi.DropReason}
