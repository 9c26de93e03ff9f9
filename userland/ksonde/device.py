# SPDX-License-Identifier: GPL-2.0-only
"""The device node: what the driver is, its hooks, its schema; and waiting for the node."""

from __future__ import annotations

import ctypes
import errno
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import node as _node
from . import uapi
from .errors import (
    BadInspection,
    DeviceMissing,
    DriverError,
    InspectionUnknown,
    UdevMissing,
    VersionMismatch,
)

if TYPE_CHECKING:
    from types import TracebackType

    from .schema import Schema

__all__ = ["Device", "HookInfo", "Info", "wait_for_device"]

#: Bytes that an answer will have room for.
_FIRST_TRY = {uapi.Inspect.LAYOUT: 4096, uapi.Inspect.PLACE: 1024}


@dataclass(frozen=True)
class Info:
    """What a driver is (KSONDE_IOC_INFO).

    Attributes:
        abi: KSONDE_ABI of the driver.
        schema: KSONDE_SCHEMA of the driver.
        cpus: possible CPUs: as many rings per session.
        page_size: bytes.
        sessions: open now, the one that asks included.
        max_sessions: the most that can be.
        hooks: rows of the hook table.
        ring_min, ring_max: bytes a CPU.
        cache_bytes: of the process cache, while a session is started.
        cache_misses: tasks that it did not know, since load.
        version: of the module.
    """

    abi: int
    schema: int
    cpus: int
    page_size: int
    sessions: int
    max_sessions: int
    hooks: int
    ring_min: int
    ring_max: int
    cache_bytes: int
    cache_misses: int
    version: str


@dataclass(frozen=True)
class HookInfo:
    """A row of the driver's hook table (KSONDE_IOC_HOOK).

    Attributes:
        index: its number, record.hook of what it records.
        name: of the hook.
        event: the event that it records, None for bookkeeping.
        state: idle (nobody wants it), armed, degraded (by a later candidate), unavailable, disarmed (by the
            governor, for a while).
        mechanism: none, tracepoint, ftrace, kprobe, kretprobe, syscall, sys_exit, notifier, netfilter, fexit.
        target: symbol or tracepoint taken.
        users: sessions that want it.
        hits: since load.
        missed: hits that the mechanism could not deliver.
        timed_hits: of hits, how many were timed.
        timed_ns: nanoseconds that those took.
        detail: a sentence a candidate: taken, or why not.
        cost: nanoseconds that it took in the last second, as far as was measured.
        keep: of its records one of so many is kept (the governor thins it); 0: all, uapi.KEEP_NONE: none.
    """

    index: int
    name: str
    event: str | None
    state: str
    mechanism: str
    target: str
    users: int
    hits: int
    missed: int
    timed_hits: int
    timed_ns: int
    detail: list[str] = field(default_factory=list)
    cost: int = 0
    keep: int = 0

    @property
    def held(self) -> str:
        """What the governor holds back: "disarmed", "1/8 of its records", "no records", or "" for nothing."""
        if self.state == "disarmed":
            return self.state
        if self.keep == uapi.KEEP_NONE:
            return "no records"
        return f"1/{self.keep} of its records" if self.keep else ""

    @property
    def left_out(self) -> bool:
        """Unavailable because whoever loaded the module said so."""
        return self.state == "unavailable" and self.detail == ["the parameter avoid says so"]

    @property
    def moot(self) -> bool:
        """Unavailable, and nothing is missed by that: the kernel has not what it would be told of."""
        tried = [
            line.startswith(("notifier ", "netfilter ")) and "was built without it" in line
            for line in self.detail
        ]
        return self.state == "unavailable" and bool(tried) and all(tried)


class Device:
    """An open device node; a context manager.  To the driver it is a session, though it records nothing.

    Args:
        path: of the node.
        check: False: a driver of another ABI is taken as well, to be asked for its info().

    Raises:
        DeviceMissing, PermissionRefused, TooManySessions: from opening.
        VersionMismatch: the driver has another ABI.
    """

    def __init__(self, path: str = "/dev/ksonde", *, check: bool = True) -> None:
        self.path = path
        self.node = _node.Node(path)
        self._schema: Schema | None = None
        try:
            info = self.info()
            if check and info.abi != uapi.ABI:
                raise VersionMismatch(info.abi, uapi.ABI, info.version)
        except BaseException:
            self.close()
            raise

    def info(self) -> Info:
        """What the driver is."""
        try:
            answer = self.ask(uapi.Ioctl.INFO, uapi.Info)
        except DriverError as error:
            if error.errno in (errno.ENOTTY, errno.EINVAL):
                raise DeviceMissing(
                    self.path, f"{self.path} is not ksonde's device", "remove it, then load the module again"
                ) from error
            raise
        return Info(**{**_members(answer, Info), "version": _text(answer.version)})

    def hooks(self) -> list[HookInfo]:
        """All hooks, in the order of the driver's table."""
        schema = self.schema()
        hooks: list[HookInfo] = []
        while True:
            try:
                row = self.ask(uapi.Ioctl.HOOK, uapi.HookInfo, index=len(hooks))
            except DriverError as error:
                if error.errno == errno.ENOENT:
                    return hooks
                raise
            event = schema.by_id.get(row.event)
            values = {
                **_members(row, HookInfo),
                "event": event.name if event is not None else None,
                "state": _name(uapi.HookState, row.state),
                "mechanism": _name(uapi.Mechanism, row.mechanism),
                "name": _text(row.name),
                "target": _text(row.target),
                "detail": _text(row.detail).splitlines(),
            }
            hooks.append(HookInfo(**values))

    def schema(self) -> Schema:
        """The driver's schema; read once.

        Raises:
            BadSchema, SchemaTooNew, VersionMismatch: from Schema.parse().
        """
        if self._schema is None:
            from .schema import Schema

            self._schema = Schema.parse(self.schema_text())
        return self._schema

    def schema_text(self) -> bytes:
        """The text of the schema as the driver serves it (JSON)."""
        return self._ask_text(uapi.Ioctl.SCHEMA, uapi.SchemaText)

    def inspect(self, what: uapi.Inspect, part: int = 0, address: int = 0) -> Any:
        """Have the driver look at the kernel itself; what it found.

        Args:
            what: to look at.
            part: of it, where it has parts.
            address: of PLACE.

        Raises:
            InspectionUnknown: the loaded module cannot do that.
            BadInspection: the text is no JSON.
        """
        from json import loads

        try:
            text = self._ask_text(
                uapi.Ioctl.INSPECT,
                uapi.InspectText,
                size=_FIRST_TRY.get(what, 1 << 20),
                what=what,
                part=part,
                address=address,
            )
        except DriverError as error:
            if error.errno in (errno.ENOTTY, errno.EOPNOTSUPP):
                raise InspectionUnknown(what.name.lower()) from error
            raise
        try:
            return loads(text)
        except ValueError as error:
            raise BadInspection(str(error)) from error

    def code(self, address: int, size: int) -> bytes:
        """The kernel's code, or a module's, as it is now; less where it ends before.

        Raises:
            InspectionUnknown: the loaded module cannot do that.
            DriverError: there is no code, or the caller may not see addresses.
        """
        found = b""
        while len(found) < size:
            piece = min(size - len(found), uapi.INSPECT_MAX)
            buffer = (ctypes.c_char * piece)()
            argument = uapi.pack(
                uapi.InspectText,
                what=uapi.Inspect.CODE,
                length=piece,
                buffer=ctypes.addressof(buffer),
                address=address + len(found),
            )
            try:
                self.node.ioctl(uapi.Ioctl.INSPECT, argument)
            except DriverError as error:
                if error.errno in (errno.ENOTTY, errno.EOPNOTSUPP):
                    raise InspectionUnknown("code") from error
                raise
            answer = uapi.InspectText.parse(bytes(argument))
            found += memoryview(buffer)[: answer.length]
            if answer.length == answer.needed:
                break
        return found

    def _ask_text(self, request: uapi.Ioctl, struct: Any, *, size: int = 0, **values: Any) -> bytes:
        """The text that an ioctl copies to a buffer; the first try is with one of size bytes."""
        while True:
            buffer = (ctypes.c_char * max(size, 1))()
            argument = uapi.pack(struct, length=size, buffer=ctypes.addressof(buffer), **values)
            try:
                self.node.ioctl(request, argument)
            except DriverError as error:
                needed = struct.parse(bytes(argument)).needed
                if error.errno != errno.ENOSPC or needed <= size:
                    raise
                # What is asked about may grow between two looks.
                size = needed if request is uapi.Ioctl.SCHEMA else needed + needed // 8
            else:
                return memoryview(buffer)[: struct.parse(bytes(argument)).length].tobytes()

    def ask(self, request: uapi.Ioctl, struct: Any, **values: Any) -> Any:
        """Do an ioctl whose argument is struct, filled with values; what the driver made of it."""
        argument = uapi.pack(struct, **values)
        self.node.ioctl(request, argument)
        return struct.parse(bytes(argument))

    def fileno(self) -> int:
        """The file descriptor."""
        return self.node.fileno()

    def close(self) -> None:
        """Close the file; may be called again."""
        self.node.close()

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def wait_for_device(path: str = "/dev/ksonde", timeout: float | None = None, *, present: bool = True) -> bool:
    """Wait until the node is there (present=False: is gone).

    Args:
        path: of the node.
        timeout: seconds; None: for ever.
        present: what to wait for.

    Returns:
        False when it took longer than timeout.

    Raises:
        UdevMissing: devices cannot be watched here.
    """
    if Path(path).exists() == present:
        return True
    deadline = None if timeout is None else time.monotonic() + timeout
    monitor = _monitor()
    while Path(path).exists() != present:
        # A second at most: the path may lie where no event tells of it.
        left = 1.0 if deadline is None else min(1.0, deadline - time.monotonic())
        if left <= 0:
            return False
        monitor.poll(left)
    return True


def _monitor() -> Any:
    """A started monitor of misc devices: udev's events, which come after its rules, or the kernel's."""
    source = "udev" if Path("/run/udev/control").exists() else "kernel"
    try:
        from pyudev import Context, Monitor

        monitor = Monitor.from_netlink(Context(), source=source)
        monitor.filter_by("misc")
        monitor.start()
    except (ImportError, OSError) as error:
        raise UdevMissing(str(error)) from error
    return monitor


def _members(container: Any, target: Any) -> dict[str, Any]:
    """What container and the dataclass target have in common."""
    names = [member.name for member in fields(target)]
    return {name: container[name] for name in names if name in container}


def _text(data: bytes) -> str:
    """NUL-padded text of the driver."""
    return data.split(b"\0", 1)[0].decode("utf-8", "replace")


def _name(kind: Any, value: int) -> str:
    """Name of an enum's value; "state 7" for one that this package does not know."""
    try:
        return str(kind(value).name).lower()
    except ValueError:
        return f"{kind.__name__} {value}"
