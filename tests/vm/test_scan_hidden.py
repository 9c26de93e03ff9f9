# SPDX-License-Identifier: GPL-2.0-only
"""Processes that hide, and registers that protect no more: ksonde scan."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acting import NO_IMAGE, fixture
from ksonde import integrity
from ksonde.inspection import Finding

#: CPUs of the guest.
CPUS = os.cpu_count() or 1


@contextmanager
def sleeper() -> Iterator[int]:
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def findings() -> dict[str, tuple[Finding, ...]]:
    """Of the parts that have any."""
    return {part.name: part.findings for part in integrity.scan(image=NO_IMAGE) if part.findings}


def test_clean() -> None:
    parts = {part.name: part for part in integrity.scan(image=NO_IMAGE)}
    assert findings() == {}
    for name in ("registers", "processes", "shown_processes", "shown_modules", "shown_sockets"):
        assert parts[name].why == ""
    # Each CPU: CR0.WP, what CR4 has on this one, and LSTAR at least.
    flags = Path("/proc/cpuinfo").read_text()
    wanted = 2 + sum(f" {flag}" in flags for flag in ("smep", "smap", "umip"))
    assert CPUS > 1
    assert parts["registers"].checked >= CPUS * wanted
    tasks = len(list(Path("/proc").glob("[0-9]*/task/*")))
    assert abs(parts["processes"].checked - tasks) < 10
    assert parts["shown_processes"].checked <= parts["processes"].checked
    assert parts["shown_modules"].checked == len(Path("/proc/modules").read_text().splitlines())


def test_sockets_are_compared() -> None:
    with socket.socket() as one, socket.socket(type=socket.SOCK_DGRAM) as two:
        one.bind(("127.0.0.1", 0))
        one.listen()
        two.bind(("127.0.0.1", 0))
        (part,) = (part for part in integrity.scan(image=NO_IMAGE) if part.name == "shown_sockets")
    assert part.checked >= 2
    assert part.findings == ()


def test_write_protection_off_on_one_cpu() -> None:
    with fixture("wp", "cpu=1"):
        found = findings()
    assert found == {
        "registers": (Finding("CPU 1: CR0.WP", "is off: memory that is read-only may be written", None, 707),)
    }
    assert findings() == {}


def test_a_process_without_a_pid() -> None:
    with sleeper() as pid:
        with fixture("process", f"pid={pid}", "table=1"):
            assert not Path(f"/proc/{pid}").exists()
            found = findings()
        assert Path(f"/proc/{pid}").exists()
        assert found == {
            "processes": (
                Finding(
                    f"process {pid} (sleep)", "a process runs, but has no pid that leads to it", None, 708
                ),
            ),
            "shown_processes": (Finding(f"process {pid}", "it runs, but /proc does not show it", None, 708),),
        }
        assert findings() == {}


def test_a_process_in_no_list() -> None:
    with sleeper() as pid:
        with fixture("process", f"pid={pid}", "list=1"):
            found = findings()
        what = "a pid leads to it, but it is not in the list of processes"
        assert found == {"processes": (Finding(f"process {pid} (sleep)", what, None, 708),)}
        assert findings() == {}


def test_a_process_that_only_its_parent_knows() -> None:
    with sleeper() as pid:
        with fixture("process", f"pid={pid}", "list=1", "table=1"):
            assert not Path(f"/proc/{pid}").exists()
            found = findings()
        what = "its parent knows it, but it is not in the list of processes"
        assert found == {"processes": (Finding(f"process {pid} (sleep)", what, None, 708),)}
        assert findings() == {}


def test_no_finding_while_processes_come_and_go() -> None:
    end = threading.Event()

    def churn() -> None:
        while not end.is_set():
            subprocess.run(
                [sys.executable, "-S", "-c", "import os; [os.fork() for _ in range(3)]"], check=True
            )

    threads = [threading.Thread(target=churn) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            assert findings() == {}
    finally:
        end.set()
        for thread in threads:
            thread.join()
