# SPDX-License-Identifier: GPL-2.0-only
"""Scans again and again beside a session, and makes records of what they find.

A scan is the driver's work within an ioctl that this thread waits for, by an open device of its own; so the
ring is read meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque
from random import SystemRandom
from typing import TYPE_CHECKING, Optional

from . import findings, integrity, lsm_hooks
from .encoder import encode
from .errors import InspectionUnknown, KsondeError
from .inspection import look
from .text import printable
from .uapi import Inspect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .device import Device
    from .findings import Change
    from .inspection import Finding
    from .record import Record
    from .session import Session

__all__ = ["EVENTS", "EVERY", "Scanner", "pause", "scan_all"]

#: Seconds between two scans, give or take JITTER of it: nobody shall know when the next one comes.
EVERY = 300.0
JITTER = 0.2
#: Of one CPU, that scans may take in the long run.
BUDGET = 0.02
#: The numbers of the events that are findings.
EVENTS = range(700, 720)


def pause(every: Optional[float], cost: float, random: Callable[[float, float], float]) -> float:
    """Seconds until the next scan.

    Args:
        every: that was asked for; None: EVERY, but longer where a scan takes more than the budget.
        cost: seconds of a CPU that the last one took.
        random: gives a number between two.
    """
    wait = (EVERY if every is None else every) * random(1 - JITTER, 1 + JITTER)
    return wait if every is not None else max(wait, cost / BUDGET - cost)


def hooks(device: Device) -> tuple[lsm_hooks.Hooks, list[Finding]]:
    """The LSM hooks, and what should not be so of them.  KsondeError."""
    found = lsm_hooks.Hooks.parse(look(Inspect.LSM, 0, device))
    return found, found.findings(lsm_hooks.booted())


def scan_all() -> list[Finding]:
    """One scan of everything.

    Raises:
        KsondeError: the driver cannot be asked.
    """
    import ksonde

    with ksonde.Device() as device:
        found = [finding for part in integrity.scan(device, whole=False) for finding in part.findings]
        return [*found, *hooks(device)[1]]


class Scanner:
    """While entered, scans; does nothing where the session asks for no finding.

    Args:
        session: that the records are for.
        every: seconds between two scans; None: EVERY within the BUDGET; 0: never.
        first: seconds until the first one.

    Attributes:
        scans: that have ended.
    """

    def __init__(self, session: Session, every: Optional[float] = None, first: float = 0.0) -> None:
        schema = session.device.schema()
        wanted = [schema.event(name) for name in session.events]
        self._events = {event.id: event for event in wanted if event.id in EVENTS}
        self.scans = 0
        self._session = session
        self._every = every
        self._first = first
        self._known = findings.Known()
        self._callbacks = findings.Callbacks()
        self._records: deque[Record] = deque()
        self._failure: BaseException | None = None
        self._complaint = ""
        self._end = threading.Event()
        self._read = self._write = -1
        self._thread = threading.Thread(target=self._run, name="scanner", daemon=True)

    def __enter__(self) -> Scanner:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        if self._events and self._every != 0:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """A descriptor that is readable when there are records."""
        return self._read

    @property
    def scanning(self) -> bool:
        """It goes on."""
        return self._thread.is_alive()

    @property
    def present(self) -> int:
        """How many findings there are now."""
        return len(self._known)

    def take(self) -> list[Record]:
        """The records that came since the last call."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read, 64):
                pass
        if self._failure is not None:
            raise self._failure
        return [self._records.popleft() for _ in range(len(self._records))]

    def _run(self) -> None:
        try:
            wait = self._first
            while not self._end.wait(wait):
                begin = time.thread_time()
                self._scan()
                self.scans += 1
                wait = pause(self._every, time.thread_time() - begin, SystemRandom().uniform)
        except BaseException as error:  # noqa: BLE001 - take() raises it
            self._failure = error
            os.write(self._write, b"!")

    def _scan(self) -> None:
        try:
            with type(self._session.device)(self._session.device.path) as device:
                for part in integrity.scan(device, whole=False):
                    looked = bool(part.checked) or not part.why
                    self._tell(self._known.update(part.name, part.findings, _now(), looked=looked))
                    if self._end.is_set():
                        return
                self._look_at_lsm(device)
        except InspectionUnknown as error:
            self._complain(error)
            self._end.set()
        except KsondeError as error:
            self._complain(error)
        else:
            self._complaint = ""

    def _look_at_lsm(self, device: Device) -> None:
        found, wrong = hooks(device)
        if not found.answered:
            return
        now = _now()
        self._tell(self._known.update(findings.LSM, wrong, now, looked=True))
        self._tell(self._callbacks.update(found, wrong, now))

    def _tell(self, changes: Iterator[Change]) -> None:
        records = [
            self._session.decode(encode(self._events[change.finding.event], change.values(), _now()))
            for change in changes
            if change.finding.event in self._events
        ]
        if records:
            self._records += records
            os.write(self._write, b"!")

    def _complain(self, error: KsondeError) -> None:
        """Say it once, not at each scan."""
        if str(error) != self._complaint:
            self._complaint = str(error)
            print(f"ksonde: the kernel was not scanned: {printable(str(error))}", file=sys.stderr, flush=True)


def _now() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
