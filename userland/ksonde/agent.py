# SPDX-License-Identifier: GPL-2.0-only
"""The agent: all that a session records, as JSON lines in a file that survives.

A disk that takes nothing makes the agent wait, not forget: what is read stays in memory, the rest in the
driver's rings; and what these cannot hold the driver counts, by event, and says in the stream.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Optional

from ksonde import __version__
from ksonde.errors import Busy, KsondeError
from ksonde.output import json_line
from ksonde.text import plural, printable
from ksonde.watching import Summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ksonde.enrich.containers import Containers
    from ksonde.enrich.devices import Devices
    from ksonde.notify import Notifier
    from ksonde.record import Record
    from ksonde.scanner import Scanner
    from ksonde.session import Session
    from ksonde.watching import Signals

#: Seconds between two tries to write where the last one failed.
RETRY = 1.0
#: Seconds after which the status line is said again.
STATUS = 10.0
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class FileTaken(Busy):
    """Another agent writes that file.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"another agent writes {path}", "end it first, or give another --output")
        self.path = path


class DeviceGone(KsondeError):
    """The driver ended the session."""

    def __init__(self) -> None:
        super().__init__("the device went away", "`dmesg | grep ksonde` may say why")


class Log:
    """A file of JSON lines that is only ever appended to, a whole line at a time.

    Each opening begins with a line of event "agent": it says which boot and which time the clock of the
    records belongs to.

    Args:
        path: of the file; made with mode 0640 when it is not there.
        events: that the session was asked for.
        containers: that processes are in.
        devices: USB devices that are known.
    """

    def __init__(
        self,
        path: str,
        events: Sequence[str] = (),
        containers: Optional[Containers] = None,
        devices: Optional[Devices] = None,
    ) -> None:
        self.path = path
        self._events = list(events)
        self._containers = containers
        self._devices = devices
        self._fd = -1
        self._dirty = False
        self._waiting = b""
        self.reopen()

    def reopen(self) -> None:
        """Open the path anew: what was there may have been renamed.  FileTaken, OSError."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        if self._fd >= 0 and os.path.samestat(os.fstat(fd), os.fstat(self._fd)):
            os.close(fd)
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise FileTaken(self.path) from None
        self.close()
        self._fd = fd
        # After a power failure: the line that it cut stays one line, and damages no other.
        self._waiting = (b"\n" if _is_torn(fd) else b"") + _head(self._events) + self._waiting

    @property
    def waiting(self) -> int:
        """Lines that could not be written yet."""
        return self._waiting.count(b"\n")

    def add(self, records: Sequence[Record]) -> None:
        """Take records, to be written by the next write()."""
        lines = (json_line(record, self._containers, self._devices) for record in records)
        self._waiting += b"".join(line.encode() + b"\n" for line in lines)

    def add_lines(self, lines: Iterable[dict[str, Any]]) -> None:
        """Take what a Snapshot took, likewise."""
        self._waiting += b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)

    def write(self) -> None:
        """Write what waits.  OSError: nothing of it stands in the file, and it still waits."""
        if not self._waiting:
            return
        begin = os.fstat(self._fd).st_size
        written = 0
        self._dirty = True
        try:
            while written < len(self._waiting):
                written += os.write(self._fd, self._waiting[written:])
        except OSError:
            if written:
                os.ftruncate(self._fd, begin)
            raise
        self._waiting = b""

    def synchronise(self) -> None:
        """Have what was written on the disk.  OSError."""
        if self._dirty:
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                raise OSError(error.errno, error.strerror, self.path) from error
            self._dirty = False

    def close(self) -> None:
        """Close the file; what was written is on the disk then, if the disk takes it."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                self.synchronise()
            os.close(self._fd)
            self._fd = -1
            self._dirty = False

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_torn(fd: int) -> bool:
    size = os.fstat(fd).st_size
    return size > 0 and os.pread(fd, 1, size - 1) != b"\n"


def _head(events: Sequence[str]) -> bytes:
    """The line that begins what one opening writes."""
    with contextlib.suppress(OSError), open(_BOOT_ID, encoding="ascii") as file:  # noqa: PTH123 - /proc
        boot = file.read().strip()
        data = {
            "version": __version__,
            "boot_id": boot,
            "host": os.uname().nodename,
            "wall_time": time.time_ns(),
            "events": events,
        }
        line = {"event": "agent", "time": time.clock_gettime_ns(time.CLOCK_BOOTTIME), "data": data}
        return json.dumps(line, separators=(",", ":")).encode() + b"\n"
    return b""


class Agent:
    """From a session to a log, until SIGTERM or SIGINT; SIGHUP opens the log anew.

    Args:
        session: started.
        log: open.
        signals: entered.
        notifier: told that all is well.
        sync: seconds after which what was written must be on the disk.
        scanner: entered; None: nothing is scanned.

    Attributes:
        summary: events read, and lost on the way here.
        unwritten: lines that the disk did not take by the end.
    """

    def __init__(
        self,
        session: Session,
        log: Log,
        signals: Signals,
        notifier: Notifier,
        *,
        sync: float = 1.0,
        scanner: Optional[Scanner] = None,
    ) -> None:
        self.summary = Summary()
        self.unwritten = 0
        self._session = session
        self._log = log
        self._signals = signals
        self._notifier = notifier
        self._scanner = scanner
        self._sync = sync
        self._handled = 0
        self._problem = ""
        self._sync_at: Optional[float] = None
        self._status_at = 0.0
        self._retry_at = 0.0

    def run(self) -> None:
        """Work until a signal ends it; what was recorded by then is written, too.

        Raises:
            DeviceGone: the driver ended the session.
            OSError: the disk did not keep what it had taken.
        """
        poll = select.poll()
        poll.register(self._signals.fileno(), select.POLLIN)
        sources = [self._session.fileno(), *([self._scanner.fileno()] if self._scanner is not None else [])]
        begin = time.monotonic()
        self._write()
        self._notifier.tell("READY=1")
        try:
            while self._go_on():
                # Where nothing can be written nothing is read: the rings hold it, and count.
                for source in sources:
                    poll.register(source, 0 if self._log.waiting else select.POLLIN)
                found = dict(poll.poll(self._wait_ms()))
                if self._signals.fileno() in found:
                    self._signals.drain()
                if found.get(self._session.fileno(), 0) & ~select.POLLIN:
                    raise DeviceGone
                self._step()
            self._notifier.tell("STOPPING=1")
            self._session.stop()
            self._finish()
        finally:
            self.summary.seconds = time.monotonic() - begin
            with contextlib.suppress(OSError, KsondeError):
                self.summary.finish(self._session)

    def _finish(self) -> None:
        self._write()
        while not self._log.waiting and self._take():
            pass
        self.unwritten = self._log.waiting
        while self._log.waiting and (records := self._session.read(0)):
            self.unwritten += len(records)
        self._log.synchronise()

    def _step(self) -> None:
        now = time.monotonic()
        if self._log.waiting:
            if now >= self._retry_at:
                self._write()
        else:
            self._take()
        if self._sync_at is not None and now >= self._sync_at:
            self._sync_at = None
            self._log.synchronise()
        self._notifier.alive()
        if now >= self._status_at:
            self._status_at = now + STATUS
            self._notifier.tell(f"STATUS={self._status()}")

    def _take(self) -> int:
        records = self._session.read(0)
        if self._scanner is not None:
            records += self._scanner.take()
        self.summary.add(records)
        self._log.add(records)
        self._write()
        return len(records)

    def _write(self) -> None:
        try:
            self._log.write()
        except OSError as error:
            self._retry_at = time.monotonic() + RETRY
            self._complain(f"cannot write {self._log.path}: {error.strerror}; events wait until it can be")
            return
        if self._sync_at is None:
            self._sync_at = time.monotonic() + self._sync
        self._recovered()

    def _complain(self, problem: str) -> None:
        """Say it once, not at each try."""
        if problem != self._problem:
            self._problem = problem
            print(f"ksonde: {printable(problem)}", file=sys.stderr, flush=True)
            self._status_at = 0.0

    def _recovered(self) -> None:
        if self._problem:
            self._problem = ""
            print(f"ksonde: {self._log.path} is written again", file=sys.stderr, flush=True)

    def _go_on(self) -> bool:
        new = self._signals.received[self._handled :]
        self._handled += len(new)
        if signal.SIGHUP in new:
            self._reopen()
        return all(number == signal.SIGHUP for number in new)

    def _reopen(self) -> None:
        try:
            self._log.reopen()
        except (OSError, FileTaken) as error:
            why = error.strerror if isinstance(error, OSError) else error
            self._complain(f"cannot open {self._log.path} anew: {why}; the old file is written on")
            return
        self._write()

    def _status(self) -> str:
        events = plural(sum(self.summary.events.values()), "event")
        lost = sum(count for count in self._session.stats().dropped.values())
        found = f", {plural(self._scanner.present, 'finding')}" if self._scanner is not None else ""
        problem = f"; {printable(self._problem)}" if self._problem else ""
        return f"{events} written, {lost:,} lost{found}{problem}"

    def _wait_ms(self) -> int:
        now = time.monotonic()
        ends = [self._status_at]
        if self._sync_at is not None:
            ends.append(self._sync_at)
        if self._log.waiting:
            ends.append(self._retry_at)
        if self._notifier.interval is not None:
            ends.append(now + self._notifier.interval)
        return max(0, int((min(ends) - now) * 1000) + 1)
