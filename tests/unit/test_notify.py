# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ksonde.notify import Notifier


@pytest.fixture(name="manager", params=["path", "abstract"])
def _manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A service manager's address, as the environment has it, and its socket."""
    name = f"@ksonde-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(name.replace("@", "\0"))
        end.setblocking(False)
        yield name, end


def test_lines_are_one_datagram(manager: tuple[str, socket.socket]) -> None:
    address, end = manager
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.tell("READY=1", "STATUS=all is well")
    assert end.recv(100) == b"READY=1\nSTATUS=all is well"
    notifier.close()
    notifier.tell("STOPPING=1")
    with pytest.raises(BlockingIOError):
        end.recv(100)


def test_the_watchdog_is_fed_three_times_as_often_as_it_asks(manager: tuple[str, socket.socket]) -> None:
    address, end = manager
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
    assert notifier.interval == 10.0
    notifier.alive()
    notifier.alive()
    assert end.recv(100) == b"WATCHDOG=1"
    with pytest.raises(BlockingIOError):
        end.recv(100)
    notifier.close()


@pytest.mark.parametrize(
    "environment",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "10", "WATCHDOG_PID": "1"}],
)
def test_nobody_counts(environment: dict[str, str]) -> None:
    notifier = Notifier(environment)
    assert notifier.interval is None
    notifier.alive()
    notifier.tell("READY=1")


def test_a_manager_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "1"})
    notifier.tell("READY=1")
    notifier.alive()
    notifier.close()
