# SPDX-License-Identifier: GPL-2.0-only
"""What can go wrong: one root, one class per cause, each with the failing value and a hint.

str(error) says what is wrong; ``error.hint`` says what to do about it ("" when nothing is known to help).
``exit_code`` is what the command line exits with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BadCapture",
    "BadInspection",
    "BadProfile",
    "BadRecord",
    "BadRule",
    "BadSchema",
    "Busy",
    "DeviceMissing",
    "DriverError",
    "InspectionUnknown",
    "KsondeError",
    "NoSuchProcess",
    "PermissionRefused",
    "SchemaTooNew",
    "SessionClosed",
    "TooManySessions",
    "UdevMissing",
    "UnknownEvent",
    "UnknownProfile",
    "VersionMismatch",
]


class KsondeError(Exception):
    """The root of all of ksonde's errors.

    Attributes:
        hint: what to do about it; one sentence, may be empty.
    """

    exit_code: ClassVar[int] = 1
    hint: str

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class DeviceMissing(KsondeError):
    """There is no device node: the module is not loaded.

    Attributes:
        path: of the node.
    """

    exit_code = 3

    def __init__(self, path: str, message: str = "", hint: str = "") -> None:
        super().__init__(
            message or f"there is no {path}: the module ksonde is not loaded",
            hint or "load it with `ksonde load`; `ksonde doctor` says whether this machine can",
        )
        self.path = path


class PermissionRefused(KsondeError):
    """The device may not be opened by this process.

    Attributes:
        path: of the node.
    """

    exit_code = 4

    def __init__(self, path: str) -> None:
        super().__init__(
            f"no permission to open {path}",
            "run as root, or with CAP_AUDIT_READ in the initial user namespace and access to the node",
        )
        self.path = path


class Busy(KsondeError):
    """What was asked cannot be done now."""

    exit_code = 5


class TooManySessions(Busy):
    """All sessions of the driver are taken.

    Attributes:
        path: of the node.
    """

    def __init__(self, path: str) -> None:
        super().__init__(
            f"all sessions of {path} are in use",
            "end another reader, or load the module with a greater sessions_max",
        )
        self.path = path


class UnknownEvent(KsondeError):
    """An event was asked for by a name that the driver does not have.

    Attributes:
        name: what was asked for.
        nearest: the most similar name that there is, None when none is similar.
        known: all names.
    """

    exit_code = 6

    def __init__(self, name: str, nearest: str | None, known: Iterable[str] = ()) -> None:
        self.known = tuple(known)
        if nearest is not None:
            hint = f"did you mean {nearest}?"
        else:
            hint = "`ksonde schema` lists the events" + (f": {', '.join(self.known)}" if self.known else "")
        super().__init__(f"there is no event {name!r}", hint)
        self.name = name
        self.nearest = nearest


class UnknownProfile(KsondeError):
    """A profile was asked for by a name that there is not.

    Attributes:
        name: what was asked for.
        nearest: the most similar name that there is, None when none is similar.
        known: all names.
    """

    exit_code = 6

    def __init__(self, name: str, nearest: str | None, known: Iterable[str] = ()) -> None:
        self.known = tuple(known)
        what = "`ksonde profile list` lists the profiles"
        super().__init__(
            f"there is no profile {name!r}", f"did you mean {nearest}?" if nearest is not None else what
        )
        self.name = name
        self.nearest = nearest


class BadProfile(KsondeError):
    """The file of a profile is wrong.

    Attributes:
        path: of the file.
        line: which line, from 1.
        reason: what is wrong there.
    """

    exit_code = 11

    def __init__(self, path: str, line: int, reason: str, hint: str = "") -> None:
        super().__init__(f"{path}:{line}: {reason}", hint)
        self.path = path
        self.line = line
        self.reason = reason


class _BadEntry(KsondeError):
    """One of a list is wrong.

    Attributes:
        number: which one, from 0.
        reason: what is wrong with it.
    """

    exit_code = 11
    _kind: str

    def __init__(self, number: int, reason: str, hint: str = "") -> None:
        super().__init__(f"{self._kind} {number + 1}: {reason}", hint)
        self.number = number
        self.reason = reason


class BadRule(_BadEntry):
    """A rule is wrong, or can never match."""

    _kind = "rule"


class BadLimit(_BadEntry):
    """A limit is wrong."""

    _kind = "limit"


class BadPortScan(KsondeError):
    """What is to be called a scan of ports makes no sense.

    Attributes:
        name: of what is wrong; "": all of it.
        reason: what is wrong.
    """

    exit_code = 11

    def __init__(self, name: str, reason: str, hint: str = "change it, or leave it out") -> None:
        super().__init__(f"port_scan: {reason}", hint)
        self.name = name
        self.reason = reason


class VersionMismatch(KsondeError):
    """The loaded module speaks another ABI than this package.

    Attributes:
        driver: ABI of the module.
        reader: ABI of this package.
    """

    exit_code = 7

    def __init__(self, driver: int, reader: int, version: str = "") -> None:
        module = f"the loaded module {version}".rstrip()
        older = "module" if driver < reader else "package ksonde"
        super().__init__(
            f"{module} speaks ABI {driver}, this package ABI {reader}",
            f"bring the {older} up to date; `ksonde unload` and `ksonde load` change the module",
        )
        self.driver = driver
        self.reader = reader


class SchemaTooNew(KsondeError):
    """The schema uses something that this package does not know (unknown events and fields are no problem).

    Attributes:
        what: the part that is not known.
    """

    exit_code = 7

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the schema is newer than this package: {what}", "bring the package ksonde up to date"
        )
        self.what = what


class BadSchema(KsondeError):
    """The schema's text contradicts itself or is no schema."""

    exit_code = 8

    def __init__(self, message: str) -> None:
        super().__init__(
            f"the schema is damaged: {message}", "report this with the output of `ksonde schema --json`"
        )


class BadInspection(KsondeError):
    """What the driver says of the kernel is not what it should look like."""

    exit_code = 8

    def __init__(self, message: str) -> None:
        super().__init__(f"what the module found is damaged: {message}", "report this")


class InspectionUnknown(KsondeError):
    """The loaded module cannot look at this part of the kernel.

    Attributes:
        what: part.
    """

    exit_code = 7

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the loaded module cannot inspect {what}",
            "it is older than this package: `ksonde unload` and `ksonde load` change it",
        )
        self.what = what


class BadRecord(KsondeError):
    """Bytes that are no record.

    Attributes:
        offset: where the record begins, in bytes from the begin of what was read.
    """

    exit_code = 8

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(f"bad record at offset {offset}: {message}", "")
        self.reason = message
        self.offset = offset


class BadCapture(KsondeError):
    """A file that is no capture, or a damaged one.

    Attributes:
        path: of the file.
        offset: bytes from its begin.
    """

    exit_code = 8

    def __init__(self, message: str, path: str = "", offset: int = 0) -> None:
        super().__init__(f"{path or 'capture'}: {message} at offset {offset}")
        self.path = path
        self.offset = offset


class NoSuchProcess(KsondeError):
    """A process to follow does not exist.

    Attributes:
        tgid: process id.
    """

    exit_code = 9

    def __init__(self, tgid: int) -> None:
        super().__init__(
            f"there is no process {tgid}", "a process is followed from now on: it must be running"
        )
        self.tgid = tgid


class SessionClosed(KsondeError):
    """The session was used after it was closed."""

    def __init__(self) -> None:
        super().__init__("the session is closed")


class UdevMissing(KsondeError):
    """The device cannot be waited for: there is no libudev, or no netlink."""

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"cannot wait for devices: {cause}",
            "install libudev (Debian: libudev1), or load the module first",
        )


class DriverError(KsondeError):
    """The driver refused a call in a way that this package did not expect.

    Attributes:
        call: name of the ioctl.
        errno: the errno value, positive.
    """

    def __init__(self, call: str, errno: int, message: str) -> None:
        super().__init__(f"{call}: {message}", "`dmesg | grep ksonde` may say more")
        self.call = call
        self.errno = errno
