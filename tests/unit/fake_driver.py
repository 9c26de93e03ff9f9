# SPDX-License-Identifier: GPL-2.0-only
"""A driver without a kernel: what stands behind ksonde.node.Node, in memory.

    driver = FakeDriver(cpus=2)
    monkeypatch.setattr("ksonde.node.Node", driver.open)
    with ksonde.open() as session:
        driver.put(0, build_record("exit", ...))
        session.read(0)

It knows no concurrency: things happen between the calls of the test.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct
from collections.abc import Callable
from typing import Any, Optional

from ksonde import uapi
from ksonde.errors import Busy, DriverError, SessionClosed, TooManySessions
from support import schema_text

PAGE = 4096


class FakeRing:
    """One CPU's ring: the driver's side."""

    def __init__(self, size: int, *, overwrite: bool) -> None:
        self.bytes = size
        self.overwrite = overwrite
        self.control = mmap.mmap(-1, PAGE)
        self.position = mmap.mmap(-1, PAGE)
        self.data = mmap.mmap(-1, 2 * size)
        self.head = self.oldest = self.dropped = 0
        self.lengths: list[int] = []

    @property
    def read_to(self) -> int:
        return int(struct.unpack_from("<Q", self.position)[0])

    @property
    def unread(self) -> int:
        return self.head - max(self.read_to, self.oldest)

    def put(self, raw: bytes) -> bool:
        """Append a record; False: it was dropped."""
        begin = self.oldest if self.overwrite else self.read_to
        while self.head + len(raw) - begin > self.bytes:
            if not self.overwrite:
                self.dropped += 1
                self.publish()
                return False
            begin += self.lengths.pop(0)
            self.oldest = begin
        at = self.head % self.bytes
        over = max(0, at + len(raw) - self.bytes)
        self.data[at : at + len(raw)] = raw
        if over:
            self.data[:over] = raw[-over:]
        self.data[self.bytes : 2 * self.bytes] = self.data[: self.bytes]
        self.lengths.append(len(raw))
        self.head += len(raw)
        self.publish()
        return True

    def publish(self) -> None:
        struct.pack_into("<QQQQ", self.control, 0, self.head, self.oldest, self.bytes, self.dropped)


class FakeDriver:
    """The driver: configuration, and the session that was opened last.

    Attributes:
        on_poll: called when a poll finds nothing; may put records, or raise.
        calls: names of the ioctls, in order.
        fail: errno values by ioctl: the next such call fails.
    """

    def __init__(self, cpus: int = 2, text: Optional[str] = None) -> None:
        self.cpus = list(range(cpus))
        self.text = (text if text is not None else schema_text()).encode()
        self.info: dict[str, Any] = {
            "abi": 1,
            "schema": 1,
            "cpus": cpus,
            "page_size": PAGE,
            "sessions": 1,
            "max_sessions": 8,
            "hooks": 2,
            "ring_min": 1 << 16,
            "ring_max": 1 << 26,
            "cache_bytes": 1000,
            "cache_misses": 3,
            "version": b"0.1.0".ljust(32, b"\0"),
        }
        self.hooks: list[dict[str, Any]] = [
            {
                "event": 42,
                "state": 1,
                "mechanism": 4,
                "users": 1,
                "hits": 160,
                "timed_hits": 10,
                "timed_ns": 5000,
            }
            | {"name": b"connect", "target": b"__sys_connect", "detail": b"kretprobe __sys_connect: taken"},
            {"event": 0, "state": 3, "name": b"process_fork", "detail": b"a: no such symbol\nb: refused"},
        ]
        #: What INSPECT answers.
        self.inspected = b""
        #: The kernel's code, from address 0 on.
        self.code = b""
        self.processes = {1, os.getpid()}
        self.rings: dict[int, FakeRing] = {}
        self.events: set[int] = set()
        self.filter: Any = None
        self.rules: list[Any] = []
        self.rule_records: dict[int, int] = {}
        self.limits: list[tuple[int, int, int]] = []
        self.port_scan: tuple[int, ...] = ()
        self.setup: Any = None
        self.started = False
        self.nodes: list[FakeNode] = []
        self.calls: list[str] = []
        self.fail: dict[uapi.Ioctl, int] = {}
        self.on_poll: Callable[[], None] | None = None
        self.stats: dict[str, Any] = {}

    def open(self, path: str) -> FakeNode:
        """What opening the device node gives."""
        if len(self.nodes) >= self.info["max_sessions"]:
            raise TooManySessions(path)
        self.nodes.append(FakeNode(self, path))
        return self.nodes[-1]

    def put(self, cpu: int, raw: bytes) -> bool:
        """A record happens on a CPU."""
        return self.rings[cpu].put(raw)

    def ioctl(self, request: uapi.Ioctl, argument: bytearray | None) -> None:
        self.calls.append(request.name)
        if request in self.fail:
            raise DriverError(
                f"ioctl {request.name}", self.fail[request], os.strerror(self.fail.pop(request))
            )
        getattr(self, f"_{request.name.lower()}")(argument)

    def _answer(self, argument: bytearray, shape: Any, **values: Any) -> None:
        asked = shape.parse(bytes(argument))
        assert asked.size == len(argument) == shape.sizeof()
        argument[:] = shape.build({**asked, **values})

    def _info(self, argument: bytearray) -> None:
        self._answer(argument, uapi.Info, **self.info)

    def _schema(self, argument: bytearray) -> None:
        asked = uapi.SchemaText.parse(bytes(argument))
        if asked.length < len(self.text):
            self._answer(argument, uapi.SchemaText, needed=len(self.text), length=0)
            raise DriverError("ioctl SCHEMA", errno.ENOSPC, "No space left on device")
        ctypes.memmove(asked.buffer, self.text, len(self.text))
        self._answer(argument, uapi.SchemaText, needed=len(self.text), length=len(self.text))

    def _inspect(self, argument: bytearray) -> None:
        asked = uapi.InspectText.parse(bytes(argument))
        if asked.what == uapi.Inspect.CODE:
            code = self.code[asked.address : asked.address + asked.length]
            if not code:
                raise DriverError("ioctl INSPECT", errno.EFAULT, "Bad address")
            ctypes.memmove(asked.buffer, code, len(code))
            left = len(self.code) - asked.address
            self._answer(argument, uapi.InspectText, needed=left, length=len(code))
            return
        needed = len(self.inspected)
        if asked.length < needed:
            self._answer(argument, uapi.InspectText, needed=needed, length=0)
            raise DriverError("ioctl INSPECT", errno.ENOSPC, "No space left on device")
        ctypes.memmove(asked.buffer, self.inspected, needed)
        self._answer(argument, uapi.InspectText, needed=needed, length=needed)

    def _hook(self, argument: bytearray) -> None:
        index = uapi.HookInfo.parse(bytes(argument)).index
        if index >= len(self.hooks):
            raise DriverError("ioctl HOOK", errno.ENOENT, "No such file or directory")
        row = dict(self.hooks[index])
        for name, size in (("name", 32), ("target", 64), ("detail", 512)):
            row[name] = row.get(name, b"").ljust(size, b"\0")
        self._answer(argument, uapi.HookInfo, **row)

    def _set_events(self, argument: bytearray) -> None:
        mask = uapi.Events.parse(bytes(argument)).mask
        self.events = {number for number in range(uapi.EVENT_MAX) if mask[number // 64] >> number % 64 & 1}

    def _set_filter(self, argument: bytearray) -> None:
        asked = uapi.Filter.parse(bytes(argument))
        if asked.flags & uapi.FilterFlag.TREE and asked.tree_tgid not in self.processes:
            raise DriverError("ioctl SET_FILTER", errno.ESRCH, "No such process")
        self.filter = asked

    def _set_rules(self, argument: bytearray) -> None:
        asked = uapi.Rules.parse(bytes(argument))
        assert asked.rule_size == uapi.Rule.sizeof()
        raw = ctypes.string_at(asked.rules, asked.count * asked.rule_size)
        self.rules = [
            uapi.Rule.parse(raw[at : at + asked.rule_size]) for at in range(0, len(raw), asked.rule_size)
        ]

    def _rule_stats(self, argument: bytearray) -> None:
        index = uapi.RuleStats.parse(bytes(argument)).index
        if not self.rules or (index >= len(self.rules) and index != uapi.RULE_NONE):
            raise DriverError("ioctl RULE_STATS", errno.ENOENT, "No such file or directory")
        self._answer(argument, uapi.RuleStats, records=self.rule_records.get(index, 0))

    def _set_limits(self, argument: bytearray) -> None:
        asked = uapi.Limits.parse(bytes(argument))
        assert asked.limit_size == uapi.Limit.sizeof()
        raw = ctypes.string_at(asked.limits, asked.count * asked.limit_size)
        rows = [uapi.Limit.parse(raw[at : at + asked.limit_size]) for at in range(0, len(raw), 16)]
        self.limits = [(row.event, row.per_second, row.per_process) for row in rows]

    def _set_port_scan(self, argument: bytearray) -> None:
        asked = uapi.PortScan.parse(bytes(argument))
        self.port_scan = (asked.set, asked.ports, asked.hosts, asked.window, asked.loopback)

    def _set_ring(self, argument: bytearray) -> None:
        asked = uapi.RingSetup.parse(bytes(argument))
        size = asked.bytes
        if size & (size - 1) or not self.info["ring_min"] <= size <= self.info["ring_max"]:
            raise DriverError("ioctl SET_RING", errno.EINVAL, "Invalid argument")
        self.setup = asked

    def _start(self, argument: None) -> None:
        assert argument is None
        overwrite = self.setup.mode == uapi.RingMode.FLIGHT_RECORDER
        self.rings = {cpu: FakeRing(self.setup.bytes, overwrite=overwrite) for cpu in self.cpus}
        self.started = True

    def _stop(self, argument: None) -> None:
        assert argument is None
        self.started = False

    def _stats(self, argument: bytearray) -> None:
        dropped = [*self.stats.get("dropped", ()), *[0] * uapi.DROP_PLACES][: uapi.DROP_PLACES]
        self._answer(argument, uapi.Stats, **{**self.stats, "started": int(self.started), "dropped": dropped})

    def _event_stats(self, argument: bytearray) -> None:
        self._answer(argument, uapi.EventStats, produced=9, delivered=5, dropped=[4, 3, 2, 1, 5, 6, 0, 0])

    def _cpu_stats(self, argument: bytearray) -> None:
        cpu = uapi.CpuStats.parse(bytes(argument)).cpu
        if cpu not in self.cpus:
            raise DriverError("ioctl CPU_STATS", errno.ENOENT, "No such file or directory")
        if not self.rings:
            raise DriverError("ioctl CPU_STATS", errno.EINVAL, "Invalid argument")
        ring = self.rings[cpu]
        self._answer(
            argument,
            uapi.CpuStats,
            head=ring.head,
            position=ring.read_to,
            bytes=ring.bytes,
            dropped=ring.dropped,
        )


class FakeNode:
    """Stands for ksonde.node.Node."""

    def __init__(self, driver: FakeDriver, path: str) -> None:
        self.driver = driver
        self.path = path
        self.closed = False

    def fileno(self) -> int:
        if self.closed:
            raise SessionClosed
        return 99

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.driver.nodes.remove(self)
            self.driver.rings = {}
            self.driver.started = False

    def ioctl(self, request: uapi.Ioctl, argument: bytearray | None = None) -> None:
        self.fileno()
        self.driver.ioctl(request, argument)

    def mmap(self, region: uapi.Region, cpu: int, length: int) -> mmap.mmap:
        self.fileno()
        if cpu not in self.driver.rings:
            raise Busy("no ring")
        ring = self.driver.rings[cpu]
        found = {
            uapi.Region.CONTROL: ring.control,
            uapi.Region.POSITION: ring.position,
            uapi.Region.DATA: ring.data,
        }[region]
        assert len(found) == length
        return found

    def poll(self, timeout: float | None) -> bool:
        self.fileno()
        driver = self.driver
        if not self._readable() and driver.on_poll is not None:
            driver.on_poll()
        if self._readable():
            return True
        assert timeout is not None or not driver.started, "it would block for ever"
        return False

    def _readable(self) -> bool:
        return any(ring.unread for ring in self.driver.rings.values())
