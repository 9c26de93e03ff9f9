# SPDX-License-Identifier: GPL-2.0-only
"""Storms, with every event armed: no line in the kernel's log, and produced = read + lost.

By default as much as a gate has time for; `tools/test --vm -- -k storms --storm 50000` makes so many
processes, and as much more of the rest.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import ksonde
from acting import CGROUPS, TESTS, act
from test_hostile import kernel_log

STORM = TESTS / "storm"
#: Seconds that a thousand processes may take, with much to spare.
PATIENCE = 120


class Storm:
    """A session of every event, whose reader counts."""

    def __init__(self, ring_bytes: int) -> None:
        self.read: Counter[str] = Counter()
        self.lost: Counter[int] = Counter()
        with ksonde.Device() as device:
            self._events = device.schema().events
        self.session = ksonde.open(self._events, ring_bytes=ring_bytes)

    def take(self, timeout: float) -> int:
        records = self.session.read(timeout)
        for record in records:
            self.read[record.event] += 1
            if record.event == "lost":
                self.lost[record.lost_event] += record.count
        return len(records)

    def run(self, *command: str, timeout: float) -> str:
        """Run a storm, read meanwhile."""
        command = ("timeout", "-s", "KILL", str(timeout), *command)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                self.take(0.2)
            out, err = process.communicate()
        assert process.returncode == 0, err
        return out

    def settle(self) -> None:
        """Stop, read the rest, and do the sum, in all and of each event."""
        for cpu in self.session.cpus:
            act(f"cpu={cpu}", "connects=1:1")
        self.session.stop()
        while self.take(0):
            pass
        stats = self.session.stats()
        own = sum(self.read.values()) - self.read["lost"]
        assert stats.produced == own + sum(self.lost.values())
        assert stats.delivered == own
        assert sum(stats.dropped.values()) == sum(self.lost.values())
        for name in self._events:
            if name != "lost":
                assert self.session.event_stats(name).produced == self.made(name), name
        self.session.close()

    def made(self, name: str) -> int:
        """Records of an event that there were."""
        return self.read[name] + self.lost[self._events[name].id]


def storm(kind: str, count: int, *folder: str, timeout: float) -> Storm:
    log = len(kernel_log())
    run = Storm(1 << 20)
    said = run.run(str(STORM), kind, str(count), *folder, timeout=timeout)
    run.settle()
    read, lost = sum(run.read.values()), sum(run.lost.values())
    sys.stderr.write(f"{kind}: {said.strip()}; {read} read, {lost} lost\n")
    assert_silent(log)
    return run


def assert_silent(log: int) -> None:
    """Nothing since the log had so many lines, but what a slow emulator makes the clock say."""
    assert not [line for line in kernel_log()[log:] if "hrtimer: interrupt took" not in line]


@pytest.fixture
def thousands(request: pytest.FixtureRequest) -> float:
    return float(request.config.getoption("--storm")) / 1000


def test_processes(thousands: float) -> None:
    """Short processes that are signalled, stopped, traced and killed, wherever they are."""
    count = int(1000 * thousands)
    run = storm("exec", count, timeout=60 + PATIENCE * thousands)
    assert run.made("fork") >= count
    assert run.made("exit") >= count
    assert run.made("execve") > count / 10
    assert run.made("ptrace") > 0
    assert run.made("kill") > count / 10


def test_mounts(thousands: float, tmpfs: Path) -> None:
    count = int(500 * thousands)
    run = storm("mount", count, str(tmpfs), timeout=60 + PATIENCE * thousands)
    assert run.made("mount") >= 2 * count


def test_renames(thousands: float, tmpfs: Path) -> None:
    """Paths longer than PATH_MAX, of which two parts change all the time."""
    count = int(1000 * thousands)
    run = storm("rename", count, str(tmpfs), timeout=60 + PATIENCE * thousands)
    assert run.made("create_file") >= count
    assert run.made("rename") >= 2 * count
    assert run.made("link") >= count
    assert run.made("unlink") >= 2 * count


@pytest.fixture
def pressed(cgroup: Path) -> Path:
    """A control group that must give back a page for each that it takes."""
    (CGROUPS / "cgroup.subtree_control").write_text("+memory")
    (cgroup / "memory.high").write_text(str(1 << 20))
    return cgroup


def test_no_memory(thousands: float, disk: Path, pressed: Path) -> None:
    count = int(30 * thousands)
    log = len(kernel_log())
    run = Storm(1 << 20)
    enter = 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"'
    command = ["sh", "-c", enter, "sh", str(pressed), str(STORM), "memory", str(count), str(disk)]
    said = run.run(*command, timeout=60 + PATIENCE * thousands)
    run.settle()
    sys.stderr.write(f"memory: {said}")
    assert_silent(log)
    events = dict(line.split() for line in (pressed / "memory.events").read_text().splitlines())
    assert int(events["high"]) > count, "there was no pressure"
    assert run.made("execve") >= count
