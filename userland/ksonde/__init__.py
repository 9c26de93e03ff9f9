# SPDX-License-Identifier: GPL-2.0-only
"""ksonde: what programs do, as the kernel saw it.

    import ksonde

    with ksonde.open(events=["connect", "execve"]) as session:
        for record in session:
            print(record.time, record.exe, record.event)

Everything else is reached through the session: ``session.device`` (hooks, schema, versions),
``session.stats()``.
Importing this package is cheap: the parts are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from . import errors
from .errors import KsondeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .decoder import Decoder
    from .device import Device, HookInfo, Info, wait_for_device
    from .limits import Limit
    from .portscan import PortScan
    from .record import Record
    from .rules import Rule
    from .schema import EventSchema, Field, Schema
    from .session import CpuStats, EventStats, RuleStats, Session, Stats

__version__ = "0.1.0"

#: The device node.
DEVICE = "/dev/ksonde"

RingMode = Literal["lossless-count", "flight-recorder"]

_LAZY = {
    "CpuStats": "session",
    "Decoder": "decoder",
    "Device": "device",
    "EventSchema": "schema",
    "EventStats": "session",
    "Field": "schema",
    "HookInfo": "device",
    "Info": "device",
    "Limit": "limits",
    "PortScan": "portscan",
    "Record": "record",
    "Rule": "rules",
    "RuleStats": "session",
    "Schema": "schema",
    "Session": "session",
    "Stats": "session",
    "wait_for_device": "device",
}

__all__ = [
    "DEVICE",
    "CpuStats",
    "Decoder",
    "Device",
    "EventSchema",
    "EventStats",
    "Field",
    "HookInfo",
    "Info",
    "KsondeError",
    "Limit",
    "PortScan",
    "Record",
    "RingMode",
    "Rule",
    "RuleStats",
    "Schema",
    "Session",
    "Stats",
    "errors",
    "open",
    "wait_for_device",
]


def open(  # noqa: A001, PLR0913 - ksonde.open() is the verb of this package, and each option has a default
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
    device: str = DEVICE,
    start: bool = True,
) -> Session:
    """Open a session: the driver records from now on (from ``session.start()`` on with start=False).

    Args:
        events: names of the events wanted; None: the default profile of the driver's schema.
            The events lost and session_state always come.
        ring_bytes: ring of each CPU, bytes; a power of two.
        mode: what a full ring does: drop and count the new record, or overwrite the oldest one.
        watermark: bytes in one ring that wake the reader at once; 0: a quarter of the ring.
        latency: the longest that a record waits before the reader is woken, seconds; at most 1.
        follow: process id: only this process and what it starts from now on.
        skip_self: nothing of this process is recorded.
        rules: what to record of whom; see ksonde.rules.
        limits: how many records of an event a second; see ksonde.limits.
        port_scan: what is a scan of ports; see ksonde.portscan.
        device: path of the device node.
        start: begin to record at once.

    Raises:
        DeviceMissing, PermissionRefused, TooManySessions, VersionMismatch, SchemaTooNew: from opening.
        UnknownEvent: a name that the driver does not have.
        NoSuchProcess: follow.
        BadRule: a rule that can never match, or too many.
        BadLimit: a limit that makes no sense.
        BadPortScan: port_scan.
    """
    from .session import Session

    return Session(
        events,
        ring_bytes=ring_bytes,
        mode=mode,
        watermark=watermark,
        latency=latency,
        follow=follow,
        skip_self=skip_self,
        rules=rules,
        limits=limits,
        port_scan=port_scan,
        device=device,
        start=start,
    )


def __getattr__(name: str) -> Any:
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{module}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
