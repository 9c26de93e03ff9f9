# SPDX-License-Identifier: GPL-2.0-only
"""Whole scans, one after the other, of a kernel that is busy patching itself: nothing is found.

`tools/test --vm --timeout 36000 -- -k scan_load --scans 200` does many.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import ksonde
from acting import DRIVER, TESTS
from ksonde import inspection, integrity, lsm_hooks
from ksonde.uapi import Inspect
from tracing import SCHEDSTATS, TRACING, append


def functions() -> None:
    """The function tracer, of some hundred functions, of modules, too."""
    for tracer in ("function", "nop"):
        (TRACING / "current_tracer").write_text(tracer)
        time.sleep(0.2)


def kprobes() -> None:
    """At begins and in the middle, some of which get optimized."""
    for offset in (0, 5, 9, 11, 14):
        with contextlib.suppress(OSError):
            append("kprobe_events", f"p:load/at{offset} vfs_read+{offset}\n")
    with contextlib.suppress(OSError):
        append("kprobe_events", "r:load/back ext4_file_open\n")
    (TRACING / "events/load/enable").write_text("1")
    time.sleep(0.5)
    (TRACING / "events/load/enable").write_text("0")
    append("kprobe_events", "".join(f"-:load/{path.name}\n" for path in (TRACING / "events/load").glob("*/")))


def jump_labels() -> None:
    for value in ("1", "0"):
        SCHEDSTATS.write_text(value)


def modules() -> None:
    subprocess.run(["insmod", TESTS / "ksonde_hello.ko"], check=True)
    subprocess.run(["rmmod", "ksonde_hello"], check=True)


def tracepoints() -> None:
    """Events of tracepoints, whose first one patches code, as that of perf(1) does."""
    events = TRACING / "events/sched"
    for name in ("sched_switch", "sched_wakeup"):
        for value in ("1", "0"):
            (events / name / "enable").write_text(value)


@contextmanager
def busy(*acts: Callable[[], None]) -> Iterator[dict[str, int]]:
    """All of them again and again; how often."""
    end = threading.Event()
    done = dict.fromkeys((act.__name__ for act in acts), 0)
    failed: list[BaseException] = []

    def run(act: Callable[[], None]) -> None:
        try:
            while not end.is_set():
                act()
                done[act.__name__] += 1
                end.wait(0.05)
        except BaseException as error:  # noqa: BLE001 - it is raised below
            failed.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield done
    finally:
        end.set()
        for thread in threads:
            thread.join()
        (TRACING / "set_ftrace_filter").write_text("")
    assert failed == []


def test_nothing_is_found_under_load(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = request.config.getoption("--scans")
    subprocess.run(["modprobe", "ext4"], check=True)
    found: list[str] = []
    unsure: set[str] = set()
    # To choose them takes longer than to trace them.
    (TRACING / "set_ftrace_filter").write_text("vfs_* security_* ext4_*\n")
    acts = (functions, kprobes, jump_labels, modules, tracepoints)
    with ksonde.open(["execve", "connect", "open", "update_cred"]), busy(*acts) as done:
        for number in range(1, scans + 1):
            for part in integrity.scan(modules=[TESTS, DRIVER]):
                found += [f"{part.name}: {finding}" for finding in part.findings]
                if part.why:
                    unsure.add(f"{part.name}: {part.why}")
            if number % 10 == 0:
                with capsys.disabled():
                    print(f"\n{number} scans, {len(found)} findings", flush=True)
            hooks = lsm_hooks.Hooks.parse(inspection.look(Inspect.LSM))
            found += [str(finding) for finding in hooks.findings(lsm_hooks.booted())]
    with capsys.disabled():
        print(
            f" {scans} scans; meanwhile {done}; {len(unsure)} answers had a reason: {sorted(unsure)[:5]} ",
            end="",
        )
    assert found == []
    assert all(done.values())
