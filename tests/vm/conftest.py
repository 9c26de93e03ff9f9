# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures of the tests that run in the virtual machine, with the driver loaded."""

from __future__ import annotations

import argparse
import collections
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import acting
import ksonde
from acting import Tap, Waiting, waiting

#: Files whose tests take several times as long as others do, and how many times.
SLOW = {"test_scan_text.py": 4}
#: On the kernels that these tests run on no hook is unavailable.
NOTHING = {("session_state", "hooks_unavailable")}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--storm", type=int, default=2000, metavar="N", help="processes of a storm (2000)")
    parser.addoption("--scans", type=int, default=3, metavar="N", help="scans under load (3)")
    parser.addoption("--flood", type=int, default=100_000, metavar="N", help="packets of a flood (100000)")
    parser.addoption("--share", type=_share, metavar="I/N", help="of the files of tests only this share")


def _share(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text} is no share: say 1/2")
    return int(index), int(count)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    if config.getoption("share") is not None:
        index, count = config.getoption("share")
        mine = _files_of(index, count, collections.Counter(item.path for item in items))
        config.hook.pytest_deselected(items=[item for item in items if item.path not in mine])
        items[:] = [item for item in items if item.path in mine]
    if Path(ksonde.DEVICE).exists() or not any(here in item.path.parents for item in items):
        return
    skip = pytest.mark.skip(reason=f"no {ksonde.DEVICE}: these tests run in the virtual machine")
    for item in items:
        if here in item.path.parents:
            item.add_marker(skip)


def _files_of(index: int, count: int, sizes: collections.Counter[Path]) -> set[Path]:
    """Deal the files out, the one that takes longest first, to whom has the least to do."""
    costs = {path: size * SLOW.get(path.name, 1) for path, size in sizes.items()}
    hands: list[set[Path]] = [set() for _ in range(count)]
    for path in sorted(costs, key=lambda path: (-costs[path], path)):
        min(hands, key=lambda hand: sum(costs[other] for other in hand)).add(path)
    return hands[index - 1]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the fields of which no test of this share knew a value: all shares together must leave none.

    A handler that stops filling any one field is found so.
    """
    if config.getoption("share") is None:
        return
    # Without the device this ends the run: to say nothing would be to find nothing.
    with ksonde.Device() as device:
        schema = device.schema()
    fields = {("context", field.name) for field in schema.context}
    fields |= {(event.name, field.name) for event in schema.events.values() for field in event.fields}
    for event, field in sorted(fields - acting.TOLD - NOTHING):
        terminalreporter.write_line(f"not told: {event}.{field}")


@pytest.fixture(autouse=True)
def no_governor() -> None:
    """An emulated machine is so slow that any load costs too much; a test may have loaded the module anew."""
    if acting.BUDGET.exists():
        acting.BUDGET.write_text("0")


@pytest.fixture(scope="module")
def module_session(request: pytest.FixtureRequest) -> Iterator[ksonde.Session]:
    """One session for a test module, of its EVENTS: arming costs half a second."""
    with ksonde.open(request.module.EVENTS) as session:
        yield session


@pytest.fixture
def tap(module_session: ksonde.Session) -> Tap:
    tap = Tap(module_session)
    tap.collect()
    return tap


@pytest.fixture(params=[64, 32])
def bits(request: pytest.FixtureRequest) -> int:
    """Each act by a native and by a 32-bit program."""
    return int(request.param)


@pytest.fixture
def target() -> Iterator[Waiting]:
    """Another process, a 32-bit one: its addresses are within reach of both kinds of callers."""
    target = waiting("ready", bits=32)
    yield target
    target.go()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder that everybody may enter."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/") and folder != Path("/tmp"):
            folder.chmod(0o755)
    return tmp_path


def _mount(kind: str, what: str, where: Path, options: str = "") -> None:
    where.mkdir(exist_ok=True)
    command = ["mount", "-t", kind, *(["-o", options] if options else []), what, str(where)]
    subprocess.run(command, check=True)


@pytest.fixture
def tmpfs(place: Path) -> Iterator[Path]:
    where = place / "tmpfs"
    _mount("tmpfs", "tmpfs", where, "mode=755")
    yield where
    subprocess.run(["umount", "-l", where], check=True)


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system on a block device."""
    base = tmp_path_factory.mktemp("disk")
    base.chmod(0o755)
    base.parent.chmod(0o755)
    image = base / "image"
    with image.open("wb") as file:
        file.truncate(24 << 20)
    subprocess.run(["modprobe", "-a", "loop", "ext4"], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    where = base / "mounted"
    where.mkdir()
    subprocess.run(["mount", "-o", "loop", image, where], check=True)
    where.chmod(0o755)
    yield where
    subprocess.run(["umount", "-l", where], check=True)


@pytest.fixture
def overlay(place: Path) -> Iterator[Path]:
    subprocess.run(["modprobe", "overlay"], check=True)
    base = place / "layers"
    _mount("tmpfs", "tmpfs", base)
    for name in ("lower", "upper", "work", "merged"):
        (base / name).mkdir()
    where = base / "merged"
    options = f"lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work"
    _mount("overlay", "overlay", where, options)
    yield where
    subprocess.run(["umount", "-l", where], check=True)
    subprocess.run(["umount", "-l", base], check=True)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A TCP listener on loopback."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server


@pytest.fixture
def full() -> Iterator[socket.socket]:
    """A listener that is full: it answers nothing, and the call returns before the connection is there."""
    with socket.socket() as server, socket.socket() as first:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        first.connect(("127.0.0.1", server.getsockname()[1]))
        yield server


@pytest.fixture
def victim() -> Iterator[int]:
    """A process that does nothing."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def thread() -> Iterator[int]:
    """A thread of this process that is not its first."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    yield thread.native_id or 0
    end.set()
    thread.join()


@pytest.fixture
def cgroup() -> Iterator[Path]:
    path = acting.CGROUPS / f"test-{os.getpid()}"
    path.mkdir()
    yield path
    path.rmdir()
