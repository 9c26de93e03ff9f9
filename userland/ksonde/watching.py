# SPDX-License-Identifier: GPL-2.0-only
"""The loop of a live reader: from a session to a sink, until something ends it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Optional

from ksonde.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ksonde.command import Command
    from ksonde.record import Record
    from ksonde.scanner import Scanner
    from ksonde.session import Session

#: Of the stream itself: never counted as events.
PLAIN_EVENTS = frozenset({"lost", "session_state"})
_GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """While entered, SIGINT, SIGTERM and SIGHUP do not end the process: they are noted.

    Attributes:
        received: numbers, in the order in which they came.
    """

    def __init__(self) -> None:
        self.received: list[int] = []
        self._before: dict[int, object] = {}
        self._read = self._write = self._wakeup = -1

    def __enter__(self) -> Signals:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, lambda got, _frame: self.received.append(got))
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal() itself gave
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """A descriptor that is readable when one has come."""
        return self._read

    def drain(self) -> None:
        """Make it unreadable again."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read, 64):
                pass


@dataclass
class Summary:
    """What was seen: events by kind, and what was lost.

    Attributes:
        lost: records, by reason.
        lost_events: records, by event.
    """

    seconds: float = 0.0
    events: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    lost_events: Counter[str] = field(default_factory=Counter)

    def add(self, records: Iterable[Record]) -> None:
        """Count records."""
        self.events.update(record.event for record in records if record.event not in PLAIN_EVENTS)

    def finish(self, session: Session) -> None:
        """Take what the driver says was lost: it knows best."""
        dropped = session.stats().dropped
        self.lost = Counter({reason: count for reason, count in dropped.items() if count})
        if self.lost:
            for name in session.events:
                if name not in PLAIN_EVENTS:
                    self.lost_events[name] += sum(session.event_stats(name).dropped.values())
            self.lost_events = +self.lost_events

    def __str__(self) -> str:
        kinds = ", ".join(f"{name} {count:,}" for name, count in self.events.most_common())
        head = f"{plural(sum(self.events.values()), 'event')} in {self.seconds:.1f} s"
        by = [
            ", ".join(f"{name} {count:,}" for name, count in counter.most_common())
            for counter in (self.lost_events, self.lost)
            if counter
        ]
        lost = f"lost {sum(self.lost.values()):,}" + (f" ({'; '.join(by)})" if by else "")
        return (f"{head}: {kinds}" if kinds else head) + "\n" + lost


class Watch:
    """Reads a session until something ends it.

    Args:
        session: started.
        show: takes records as they come, in batches.
        signals: entered.
        command: whose end ends the watch; it has not been released yet.
        seconds: the longest that it takes.
        count: events after which it ends.
        reader: descriptor of a pipe that what is shown goes to: when its reader is gone, BrokenPipeError is
            raised at once, not with the next event only.
        scanner: entered; None: nothing is scanned.
    """

    def __init__(
        self,
        session: Session,
        show: Callable[[Sequence[Record]], None],
        signals: Signals,
        *,
        command: Optional[Command] = None,
        seconds: Optional[float] = None,
        count: Optional[int] = None,
        reader: Optional[int] = None,
        scanner: Optional[Scanner] = None,
    ) -> None:
        self.summary = Summary()
        self._session = session
        self._show = show
        self._signals = signals
        self._command = command
        self._count = count
        self._reader = reader
        self._scanner = scanner
        self._begin = time.monotonic()
        self._deadline = None if seconds is None else self._begin + seconds
        self._forwarded = 0

    def run(self) -> None:
        """Read until the end; what was recorded by then is shown, too."""
        if self._command is not None:
            self._command.release()
        poll = select.poll()
        poll.register(self._session.fileno(), select.POLLIN)
        poll.register(self._signals.fileno(), select.POLLIN)
        if self._command is not None:
            poll.register(self._command.pidfd, select.POLLIN)
        if self._reader is not None:
            poll.register(self._reader, 0)
        if self._scanner is not None:
            poll.register(self._scanner.fileno(), select.POLLIN)
        try:
            while not self._over():
                found = poll.poll(self._wait_ms())
                ready = {descriptor for descriptor, _ in found}
                self._take()
                if self._signals.fileno() in ready:
                    self._signals.drain()
                if self._command is not None and self._command.pidfd in ready:
                    break
                gone = {descriptor for descriptor, what in found if what & _GONE}
                if self._reader in gone:
                    raise BrokenPipeError
                if self._session.fileno() in gone:
                    break
            self._session.stop()
            while not self._full() and self._take():
                pass
        finally:
            self.summary.seconds = time.monotonic() - self._begin
            with contextlib.suppress(OSError):
                self.summary.finish(self._session)

    def _take(self) -> int:
        records = self._session.read(0)
        if self._scanner is not None:
            records += self._scanner.take()
        if self._count is not None:
            records = self._up_to_count(records)
        self.summary.add(records)
        if records:
            self._show(records)
        return len(records)

    def _up_to_count(self, records: list[Record]) -> list[Record]:
        left = (self._count or 0) - sum(self.summary.events.values())
        for index, record in enumerate(records):
            if record.event not in PLAIN_EVENTS:
                if not left:
                    return records[:index]
                left -= 1
        return records

    def _full(self) -> bool:
        return self._count is not None and sum(self.summary.events.values()) >= self._count

    def _over(self) -> bool:
        if self._full() or (self._deadline is not None and time.monotonic() >= self._deadline):
            return True
        new = self._signals.received[self._forwarded :]
        self._forwarded += len(new)
        if not new:
            return False
        if self._command is None or self._forwarded > 1:
            return True
        # The first signal is the command's: its end is what ends the watch.
        if new[0] != signal.SIGINT or not _from_terminal():
            self._command.send(new[0])
        return False

    def _wait_ms(self) -> Optional[int]:
        if self._deadline is None:
            return None
        return max(0, int((self._deadline - time.monotonic()) * 1000) + 1)


def _from_terminal() -> bool:
    """Whether a SIGINT came to this whole process group, from its terminal."""
    try:
        with open("/dev/tty", "rb", buffering=0) as terminal:  # noqa: PTH123 - no path to handle
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
