# SPDX-License-Identifier: GPL-2.0-only
"""The mechanism fexit: calls that do not return, others at the same function, the records of a kretprobe."""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import ksonde
from acting import ACT, Tap, act, is_loaded, load, unload
from test_hostile import kernel_log

PENDING = Path("/sys/module/ksonde/parameters/pending")
TRACING = Path("/sys/kernel/tracing")
OPENS = ("do_filp_open", "do_file_open")


def fexit_works() -> bool:
    with ksonde.open(["open"]) as session:
        return next(hook.mechanism == "fexit" for hook in session.device.hooks() if hook.name == "open")


@pytest.fixture(autouse=True)
def quiet_and_well() -> Iterator[None]:
    """Whatever happens, the kernel has nothing to say, and the module is there at the end."""
    before = len(kernel_log())
    if not fexit_works():
        pytest.skip("this kernel has no direct calls")
    yield
    if not is_loaded():
        assert load() == 0
    bad = ("WARNING", "BUG", "Oops", "rcu", "hung", "ksonde: the kernel")
    assert not [line for line in kernel_log()[before:] if any(word in line for word in bad)]


def soon(what: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def stack(pid: int) -> list[str]:
    """The functions that a process sleeps in, the innermost first; "?" before what is a guess."""
    return re.findall(r"\] (.*?)\+0x", Path(f"/proc/{pid}/stack").read_text())


@contextmanager
def blocked(fifo: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in open(2) of a FIFO, until somebody writes to it."""
    with subprocess.Popen([ACT[64], f"open={os.O_RDONLY}:0:{fifo}"], stdout=subprocess.PIPE) as process:
        assert soon(lambda: any(name in stack(process.pid) for name in OPENS))
        try:
            yield process
        finally:
            process.kill()


def let_go(fifo: Path, process: subprocess.Popen[bytes]) -> None:
    with fifo.open("wb"):
        out, _ = process.communicate(timeout=20)
    assert b'"result":' in out.replace(b": ", b":") and process.returncode == 0


def test_a_call_that_sleeps_keeps_the_module(tmpfs: Path) -> None:
    fifo = tmpfs / "fifo"
    os.mkfifo(fifo)
    with ksonde.open(["open"]) as session:
        context = blocked(fifo)
        process = context.__enter__()
        # From the inside: the function, we, the function's first instruction, its caller.
        seen = stack(process.pid)
        at = next(number for number, name in enumerate(seen) if name in OPENS)
        assert re.fullmatch(r"ks_fexit_\d", seen[at + 1]), seen
        assert seen[at + 2] == seen[at]
        assert any(name.startswith("entry_SYSCALL_64") for name in seen[at + 3 :]), seen
        assert not PENDING.read_text()
        assert unload() == errno.EAGAIN
        assert session.stats().dropped == dict.fromkeys(session.stats().dropped, 0)
    assert re.fullmatch(r"1 do_fil(p|e)_open\n", PENDING.read_text()) or PENDING.read_text().startswith("1 ")
    assert unload() == errno.EAGAIN
    said = subprocess.run(
        [sys.executable, "-m", "ksonde", "unload"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 5 and re.search(r"in use: 1 call of do_fil\w+ that it has", said.stderr)
    # Who comes meanwhile gets its own, and nothing of that call.
    with ksonde.open(["open"]) as session:
        tap = Tap(session)
        assert next(h.mechanism for h in session.device.hooks() if h.name == "open") == "fexit"
        facts = act(f"open=0:0:{tmpfs}/none")["open"]
        let_go(fifo, process)
        tap.collect()
        assert tap.one("open", facts["tgid"], filename=f"{tmpfs}/none").result == -errno.ENOENT
        assert not tap.of("open", filename=str(fifo))
    context.__exit__(None, None, None)
    assert soon(lambda: unload() == 0)
    assert load() == 0 and not PENDING.read_text()


def test_a_call_that_is_killed_gives_the_module_back(tmpfs: Path) -> None:
    fifo = tmpfs / "fifo"
    os.mkfifo(fifo)
    with ksonde.open(["open"]):
        context = blocked(fifo)
        context.__enter__()
    assert unload() == errno.EAGAIN
    context.__exit__(None, None, None)  # kills it
    assert soon(lambda: unload() == 0)


def test_armed_and_disarmed_under_load(tmpfs: Path) -> None:
    """On all CPUs, and now and then without the module at all."""
    steps = [f"creates=200:{tmpfs}/f", "connects=200:1"]
    loop = "while :; do " + " ".join([str(ACT[64]), *steps]) + " >/dev/null; done"
    shells = [
        subprocess.Popen(["/bin/sh", "-c", loop], start_new_session=True)
        for _ in range(2 * len(os.sched_getaffinity(0)))
    ]
    seen = 0
    try:
        for number in range(12):
            with ksonde.open(["open", "connect"], ring_bytes=1 << 20) as session:
                seen += len(session.read(0.2))
            if number % 4 == 0:
                assert soon(lambda: unload() == 0)
                assert load() == 0
    finally:
        for shell in shells:
            os.killpg(shell.pid, 9)
            shell.wait()
    assert seen > 100
    assert soon(lambda: not PENDING.read_text())


def records(tmpfs: Path, port: int) -> list[dict[str, Any]]:
    """What some opens and connects leave, but for what no two processes share."""
    with ksonde.open(["open", "connect"]) as session:
        tap = Tap(session)
        names = {hook.name: hook.mechanism for hook in session.device.hooks()}
        done = act(
            f"open={os.O_RDWR | os.O_CREAT}:{0o640}:{tmpfs}/../{tmpfs.name}/new",
            f"open=0:0:{tmpfs}/none/none",
            f"open={os.O_RDONLY | os.O_DIRECTORY}:0:{tmpfs}",
            f"connects=2:{port}",
            "connects=1:1",
        )
        tap.collect()
        found = [*tap.of("open", done.pid), *tap.of("connect", done.pid)]
    # What act says of itself it reads from /proc; ports and sockets are another one's each time.
    own = ("local_port", "socket")
    kept = []
    for record in found:
        data = record.to_dict()["data"]
        if not str(data.get("filename")).startswith("/proc/"):
            kept.append({"event": record.event, **{name: data[name] for name in data if name not in own}})
    return [{"mechanisms": (names["open"], names["connect"])}, *kept]


def test_the_same_records_by_a_kretprobe(tmpfs: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        first = records(tmpfs, port)
        assert soon(lambda: unload() == 0)
        assert load(b"prefer=kretprobe") == 0
        (tmpfs / "new").unlink()
        second = records(tmpfs, port)
    assert soon(lambda: unload() == 0)
    assert first.pop(0) == {"mechanisms": ("fexit", "fexit")}
    assert second.pop(0) == {"mechanisms": ("kretprobe", "kretprobe")}
    assert len(first) >= 6 and first == second


@contextmanager
def traced(tracer: str, function: str) -> Iterator[None]:
    """The kernel's own tracers at a function: by ftrace, and by probes at its entry and its return."""
    if not (TRACING / "current_tracer").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], check=True)
    (TRACING / "trace").write_text("")
    filters = TRACING / ("set_graph_function" if tracer == "function_graph" else "set_ftrace_filter")
    probes = TRACING / "kprobe_events"
    filters.write_text(function)
    (TRACING / "current_tracer").write_text(tracer)
    probes.write_text(f"p:ks/ksentry {function}\nr:ks/ksreturn {function}\n")
    (TRACING / "events/ks/enable").write_text("1")
    try:
        yield
    finally:
        (TRACING / "events/ks/enable").write_text("0")
        probes.write_text("")
        (TRACING / "current_tracer").write_text("nop")
        filters.write_text("")


@pytest.mark.parametrize("tracer", ["function", "function_graph"])
@pytest.mark.parametrize("first", [False, True])
def test_others_at_the_same_function(tmpfs: Path, tracer: str, first: bool) -> None:
    with ksonde.open(["open"]) as session:
        function = next(hook.target for hook in session.device.hooks() if hook.name == "open")
    outer = traced(tracer, function)
    if first:
        outer.__enter__()
    with ksonde.open(["open"]) as session:
        tap = Tap(session)
        assert next(h.mechanism for h in session.device.hooks() if h.name == "open") == "fexit"
        if not first:
            outer.__enter__()
        pid = act(f"open={os.O_RDWR | os.O_CREAT}:0:{tmpfs}/x", f"open=0:0:{tmpfs}/none").pid
        text = (TRACING / "trace").read_text()
        if not first:
            outer.__exit__(None, None, None)
        act(f"open=0:0:{tmpfs}/x")
        tap.collect()
        one = tap.one("open", pid, filename=f"{tmpfs}/x")
        two = tap.one("open", pid, filename=f"{tmpfs}/none")
        assert (one.result, one.path, two.result) == (0, f"{tmpfs}/x", -errno.ENOENT)
    if first:
        outer.__exit__(None, None, None)
    assert f"{function}(" in text or f" {function} <-" in text
    assert "ksentry: " in text and "ksreturn: " in text
