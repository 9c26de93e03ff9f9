# SPDX-License-Identifier: GPL-2.0-only
"""Readers that mean harm.  Nothing of what they do may leave a line in the kernel's log."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

import ksonde
from acting import HOSTILE, Tap, act


def kernel_log() -> list[str]:
    """Lines of the log, all that are still there."""
    fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    lines = []
    try:
        while True:
            try:
                lines.append(os.read(fd, 8192).decode(errors="replace"))
            except BrokenPipeError:  # noqa: PERF203 - a line was overwritten before it was read
                continue
    except BlockingIOError:
        return lines
    finally:
        os.close(fd)


@pytest.fixture(autouse=True)
def quiet_and_well() -> Iterator[None]:
    before = len(kernel_log())
    yield
    new = [line for line in kernel_log()[before:] if "ksonde" in line or "WARNING" in line or "BUG" in line]
    assert not new
    with ksonde.Device() as device:
        assert {(hook.users, hook.state) for hook in device.hooks()} == {(0, "idle")}
        assert device.info().sessions == 1
    with ksonde.open(["connect"]) as session:
        tap = Tap(session)
        tgid = act("connects=3:1")["connects"]["tgid"]
        tap.collect()
        assert len(tap.of("connect", tgid)) == 3


def hostile(*arguments: str, timeout: float = 200) -> str:
    done = subprocess.run([HOSTILE, *arguments], capture_output=True, text=True, check=False, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "case", ["maps", "positions", "ioctls", "rules", "limits", "sessions", "close", "blocking"]
)
def test_case(case: str) -> None:
    hostile(case)


@pytest.mark.parametrize("mode", ["0", "1"])
def test_scribbled_position(mode: str) -> None:
    """All the time, while records are made, in both modes."""
    hostile("scribble", mode)


def test_a_million_random_calls() -> None:
    """Seeded, so that a failure can be had again."""
    out = hostile("random", "1000000", "20261123", "400", timeout=450)
    done, starts, _mappings = map(int, out.split())
    print(out)  # with -s: how many mappings there were by chance
    assert done == 1_000_000 and starts > 2
