# SPDX-License-Identifier: GPL-2.0-only
"""The system calls on /dev/ksonde, and nothing else: everything above can be tested without a kernel."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import select
import time

from . import uapi
from .errors import (
    Busy,
    DeviceMissing,
    DriverError,
    KsondeError,
    PermissionRefused,
    SessionClosed,
    TooManySessions,
)

__all__ = ["Node"]


class Node:
    """An open device node: a session of the driver, which ends when it is closed.

    Attributes:
        path: of the node.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise _open_error(path, error) from error

    def fileno(self) -> int:
        """The file descriptor.  SessionClosed."""
        if self._fd < 0:
            raise SessionClosed
        return self._fd

    def close(self) -> None:
        """Close the file; may be called again.  Mappings keep the session alive: unmap first."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def ioctl(self, request: uapi.Ioctl, argument: bytearray | None = None) -> None:
        """Do an ioctl; argument is changed in place (None: 0 is passed).

        Raises:
            Busy: EBUSY, not in this state.
            DriverError: any other errno.
        """
        try:
            if argument is None:
                fcntl.ioctl(self.fileno(), request, 0)
            else:
                fcntl.ioctl(self.fileno(), request, argument, True)
        except OSError as error:
            raise _call_error(f"ioctl {request.name}", error) from error

    def mmap(self, region: uapi.Region, cpu: int, length: int) -> mmap.mmap:
        """Map a region of a CPU's ring: the position writable, the others read-only.

        Raises:
            Busy: the session is being read with read(2).
            DriverError: any other errno.
        """
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if region is uapi.Region.POSITION else 0)
        for _ in range(100):
            try:
                return mmap.mmap(
                    self.fileno(), length, mmap.MAP_SHARED, protection, offset=uapi.mmap_offset(region, cpu)
                )
            except OSError as error:
                # The driver does not wait for another thread's ioctl while it maps.
                if error.errno != errno.EAGAIN:
                    raise _call_error(f"mmap {region.name} of CPU {cpu}", error) from error
            time.sleep(0.01)
        raise Busy(f"mmap {region.name} of CPU {cpu}: the session is busy", "try again")

    def poll(self, timeout: float | None) -> bool:
        """Wait until there is something to read.

        Returns:
            False: nothing came within timeout seconds, or the session is stopped and has been read.
        """
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        events = poll.poll(None if timeout is None else max(0, round(timeout * 1000)))
        return any(event & select.POLLIN for _, event in events)


def _open_error(path: str, error: OSError) -> KsondeError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO):
        return DeviceMissing(path)
    if error.errno in (errno.EPERM, errno.EACCES, errno.EROFS):
        return PermissionRefused(path)
    if error.errno == errno.EMFILE and _descriptor_left():
        return TooManySessions(path)
    if error.errno == errno.EBUSY:
        return Busy(f"{path} is busy", "try again")
    return DriverError(f"open {path}", error.errno or 0, os.strerror(error.errno or 0))


def _descriptor_left() -> bool:
    """Whether EMFILE came from the driver, not from this process's own limit."""
    try:
        os.close(os.dup(0))
    except OSError as error:
        return error.errno != errno.EMFILE
    return True


def _call_error(call: str, error: OSError) -> KsondeError:
    number = error.errno or 0
    if number == errno.EBUSY:
        return Busy(f"{call}: not now", "a session is set up before start() and read in one way only")
    return DriverError(call, number, os.strerror(number))
