# SPDX-License-Identifier: GPL-2.0-only
"""Others who patch the kernel's code meanwhile: the function tracer, kprobes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

TRACING = Path("/sys/kernel/tracing")
KPROBES = Path("/sys/kernel/debug/kprobes/list")
SCHEDSTATS = Path("/proc/sys/kernel/sched_schedstats")


def append(file: str, text: str) -> None:
    """To a file of tracefs; what Python opens to append it also seeks the end of."""
    with open(os.open(TRACING / file, os.O_WRONLY | os.O_APPEND), "w") as opened:
        opened.write(text)


@contextmanager
def traced(names: str = "") -> Iterator[None]:
    """The function tracer, of all functions or some; without what it records, which takes long."""
    (TRACING / "tracing_on").write_text("0")
    (TRACING / "set_ftrace_filter").write_text(names)
    (TRACING / "current_tracer").write_text("function")
    try:
        yield
    finally:
        (TRACING / "current_tracer").write_text("nop")
        (TRACING / "set_ftrace_filter").write_text("")
        (TRACING / "tracing_on").write_text("1")


@contextmanager
def probed(functions: Iterable[str], begin: int = 0) -> Iterator[int]:
    """Kprobes in functions, from an offset on, as perf and others have them; how many. Many get optimized."""
    placed = 0
    for name in functions:
        for offset in range(begin, 80):
            try:
                append("kprobe_events", f"p:ksonde/{name}_{offset} {name}+{offset}\n")
            except OSError:
                # In the middle of an instruction.
                continue
            placed += 1
    enable = TRACING / "events/ksonde/enable"
    try:
        enable.write_text("1")
        yield placed
    finally:
        if enable.exists():
            enable.write_text("0")
        (TRACING / "kprobe_events").write_text("")


def optimized() -> None:
    """Some of the kprobes are: the kernel does that a moment later, a slow one after many."""
    end = time.monotonic() + 120
    while "[OPTIMIZED]" not in KPROBES.read_text():
        assert time.monotonic() < end
        time.sleep(0.1)
