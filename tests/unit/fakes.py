# SPDX-License-Identifier: GPL-2.0-only
"""Stand-ins for a session and a device, for tests of what uses them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional

from ksonde.decoder import Decoder
from ksonde.device import HookInfo, Info
from ksonde.enrich.container import Container
from ksonde.enrich.containers import Containers
from ksonde.enrich.users import Users
from ksonde.errors import DriverError, UnknownEvent
from ksonde.limits import Limit
from ksonde.record import Record
from ksonde.rules import Rule
from ksonde.schema import Schema
from ksonde.session import CpuStats, EventStats, RuleStats, Stats
from ksonde.uapi import Inspect
from support import PROCESS, build_record, schema_text


class FakeUsers(Users):
    """Knows root only."""

    def __init__(self) -> None:
        pass

    def user(self, uid: int) -> Optional[str]:
        return "root" if uid == 0 else None

    def group(self, gid: int) -> Optional[str]:
        return "root" if gid == 0 else None


class FakeContainers(Containers):
    """Has all processes in one."""

    def __init__(self, container: Optional[Container] = None) -> None:
        self.container = container

    def of(self, record: Record) -> Optional[Container]:  # noqa: ARG002 - an override
        return self.container


SCHEMA = Schema.parse(schema_text())
DECODER = Decoder(SCHEMA)
REASONS = ("full", "nested", "overwritten", "missed", "rate_limit", "governor")


def record(
    name: str, data: Optional[dict[str, Any]] = None, process: Optional[dict[str, Any]] = None, **header: Any
) -> Record:
    """A decoded record; of PROCESS unless told otherwise (the events of the stream have no process)."""
    who = {**PROCESS, **(process or {})} if SCHEMA.events[name].has_context else None
    return DECODER.decode(build_record(name, data, who, **header))


def execve(*argv: str, result: int = 0, **data: Any) -> Record:
    return record("execve", {"filename": argv[0], "argv": argv, "result": result, "cwd": "/root", **data})


class FakeDevice:
    """Answers as a driver with two hooks."""

    def __init__(self, path: str = "/dev/ksonde") -> None:
        self.path = path
        self.rows = [
            HookInfo(
                0, "connect", "connect", "armed", "kretprobe", "sys_connect", 1, 1200, 0, 75, 60000, ["taken"]
            ),
            HookInfo(1, "update_cred", "update_cred", "idle", "none", "", 0, 0, 0, 0, 0, []),
        ]

    def info(self) -> Info:
        return Info(1, 1, 2, 4096, 1, 8, len(self.rows), 1 << 16, 1 << 26, 0, 0, "0.1.0")

    def hooks(self) -> list[HookInfo]:
        return self.rows

    def schema(self) -> Schema:
        return SCHEMA

    def inspect(self, what: Inspect, part: int = 0) -> dict[str, Any]:
        """A clean kernel of one part."""
        if what is Inspect.LSM:
            way = {"found": True, "why": "", "read": 1, "partly": 0}
            return {"inspect": 1, "kind": "lists", "by_symbol": way, "by_code": way, "hooks": []}
        if part:
            raise DriverError("ioctl INSPECT", errno.ENOENT, "No such file or directory")
        return {"inspect": 1, "part": "one", "parts": 1, "checked": 1, "why": "", "findings": []}

    def __enter__(self) -> FakeDevice:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class FakeSession:
    """Serves batches of records, each readable once; then blocks."""

    def __init__(self, batches: Iterable[list[Record]] = (), events: Optional[Iterable[str]] = None) -> None:
        self.events = SCHEMA.profile("D") if events is None else tuple(events)
        for name in self.events:
            SCHEMA.event(name)
        self.device = FakeDevice()
        self.batches = list(batches)
        self.dropped = dict.fromkeys(REASONS, 0)
        self.cpus = (0, 1)
        self.calls: list[str] = []
        self.skipped: Optional[int] = os.getpid()
        self.rules: tuple[Rule, ...] = ()
        self.limits: tuple[Limit, ...] = ()
        self.decided: list[RuleStats] = []
        self._read, self._write = os.pipe()
        if self.batches:
            os.write(self._write, b"!")

    def fileno(self) -> int:
        return self._read

    def read(self, timeout: Optional[float] = None) -> list[Record]:
        assert timeout == 0
        if not self.batches:
            return []
        batch = self.batches.pop(0)
        if not self.batches:
            os.read(self._read, 1)
        return batch

    def decode(self, raw: bytes) -> Record:
        return DECODER.decode(raw)

    def read_raw(self, timeout: Optional[float] = None) -> list[bytes]:
        return [b"" for _ in self.read(timeout)]

    def feed(self, batch: list[Record]) -> None:
        self.batches.append(batch)
        os.write(self._write, b"!")

    def stop(self) -> None:
        self.calls.append("stop")

    def stats(self) -> Stats:
        return Stats(True, 10, 10 - sum(self.dropped.values()), self.dropped, 3, 0, 2)

    def event_stats(self, name: str) -> EventStats:
        nothing = dict.fromkeys(REASONS, 0)
        return EventStats(name, 5, 5, self.dropped if name == self.events[0] else nothing)

    def rule_stats(self) -> list[RuleStats]:
        return self.decided

    def cpu_stats(self, cpu: int) -> CpuStats:
        return CpuStats(cpu, 1 << 20, (1 << 20) - 4096, 4 << 20, 0)

    def close(self) -> None:
        if self._read >= 0:
            os.close(self._read)
            os.close(self._write)
            self._read = -1

    def __enter__(self) -> FakeSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def unknown(name: str) -> UnknownEvent:
    return UnknownEvent(name, None, SCHEMA.events)


def tree(root: Path, files: dict[str, str]) -> Path:
    """Files of a machine under root."""
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


class FakeScanner:
    """Has found these records, and is readable until they are taken."""

    def __init__(self, *records: Record) -> None:
        self.present = len(records)
        self._records = list(records)
        self._read, self._write = os.pipe()
        os.write(self._write, b"!")

    def fileno(self) -> int:
        return self._read

    def take(self) -> list[Record]:
        if self._records:
            os.read(self._read, 1)
        records, self._records = self._records, []
        return records

    def __enter__(self) -> FakeScanner:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._read)
        os.close(self._write)


class UsbDevice:
    """Stands for pyudev.Device."""

    def __init__(
        self, path: str, attributes: dict[str, bytes] | None = None, *, sys_path: str = "", **properties: Any
    ) -> None:
        self.device_path = path
        self.sys_path = sys_path
        self.attributes = attributes or {}
        self.properties = properties or {"ID_VENDOR": "1d6b", "ID_VENDOR_FROM_DATABASE": "Linux Foundation"}
        self.is_initialized = True
        self.device_node = "/dev/bus/usb/001/012"
        self.driver = "usb"


class FakeContext:
    """Stands for pyudev.Context, with these devices."""

    def __init__(self, devices: list[UsbDevice]) -> None:
        self.devices = devices

    def list_devices(self, **kinds: str) -> list[UsbDevice]:
        assert kinds == {"subsystem": "usb", "DEVTYPE": "usb_device"}
        return self.devices
