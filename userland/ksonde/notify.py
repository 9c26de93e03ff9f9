# SPDX-License-Identifier: GPL-2.0-only
"""What a service tells the manager that started it: sd_notify(3), a datagram of NAME=VALUE lines."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from collections.abc import Mapping


class Notifier:
    """Speaks to the service manager; silent where there is none.

    Args:
        environment: has NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID; None: this process's own.
    """

    def __init__(self, environment: Optional[Mapping[str, str]] = None) -> None:
        environment = os.environ if environment is None else environment
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None
        if self._socket is not None:
            # A manager that does not read must not hold up the service.
            self._socket.setblocking(False)
        self._interval = _interval(environment)
        self._next = time.monotonic()

    def tell(self, *lines: str) -> None:
        """Send lines: READY=1, STATUS=text, STOPPING=1."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto("\n".join(lines).encode("utf-8", "replace"), self._address)

    @property
    def interval(self) -> Optional[float]:
        """Seconds within which alive() must be called again; None: nobody counts."""
        return self._interval

    def alive(self) -> None:
        """Keep the manager's watchdog quiet; as often as one likes."""
        if self._interval is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._interval
            self.tell("WATCHDOG=1")

    def close(self) -> None:
        """Say nothing more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _interval(environment: Mapping[str, str]) -> Optional[float]:
    """A third of the time after which the manager takes the service for dead."""
    limit = environment.get("WATCHDOG_USEC", "")
    process = environment.get("WATCHDOG_PID", "")
    if not limit.isdigit() or int(limit) == 0 or process not in ("", str(os.getpid())):
        return None
    return int(limit) / 3e6
