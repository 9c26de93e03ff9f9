# SPDX-License-Identifier: GPL-2.0-only
"""Directories stand for cgroups: their inode numbers are the ids."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Optional

import pytest

from ksonde.enrich import cgroups
from ksonde.enrich.cgroups import Cgroups

TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
START = 777 * TICK
GONE = (1 << 40) - 1


class Machine:
    """A /proc, and a hierarchy."""

    def __init__(self, base: Path) -> None:
        self.proc = base / "proc"
        self.root = base / "a\tcgroup"
        self.root.mkdir()
        (self.proc / "self").mkdir(parents=True)
        self.mounts(f"{base}/a\\011cgroup")

    def mounts(self, place: Optional[str], *more: str) -> None:
        rows = ["22 1 0:21 / / rw - ext4 /dev/vda1 rw", *more]
        if place is not None:
            rows.append(f"30 22 0:26 / {place} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate")
        (self.proc / "self/mountinfo").write_text("\n".join(rows) + "\n")

    def cgroup(self, path: str) -> int:
        (self.root / path.lstrip("/")).mkdir(parents=True)
        return (self.root / path.lstrip("/")).stat().st_ino

    def process(self, tgid: int, *lines: str, start: int = START) -> None:
        folder = self.proc / str(tgid)
        folder.mkdir(exist_ok=True)
        (folder / "cgroup").write_text("".join(line + "\n" for line in lines))
        fields = ["S", "1", *["0"] * 17, str(start // TICK), "0"]
        (folder / "stat").write_text(f"{tgid} (a) b) {' '.join(fields)}\n")

    def cgroups(self) -> Cgroups:
        return Cgroups(str(self.proc))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Roots of the searches that were made."""
    made: list[str] = []
    real = cgroups._folders

    def folders(root: str) -> object:
        made.append(root)
        return real(root)

    monkeypatch.setattr(cgroups, "_folders", folders)
    return made


def test_the_process_tells(machine: Machine, searches: list[str]) -> None:
    number = machine.cgroup("/a.slice/b:c.scope")
    machine.process(5, "1:name=systemd:/other", "0::/a.slice/b:c.scope")
    assert machine.cgroups().path(number, 5) == "/a.slice/b:c.scope"
    assert not searches


def test_a_process_that_has_moved_is_not_believed(machine: Machine) -> None:
    number = machine.cgroup("/before")
    machine.cgroup("/now")
    machine.process(5, "0::/now")
    assert machine.cgroups().path(number, 5) == "/before"


@pytest.mark.parametrize("path", ["/../{}", "/gone", "/"])
def test_a_path_that_leads_elsewhere(machine: Machine, path: str) -> None:
    """That of a process outside of our cgroup namespace may lead out of the hierarchy."""
    outside = machine.root.parent / "outside"
    outside.mkdir()
    machine.process(5, f"0::{path.format('outside')}")
    assert machine.cgroups().path(outside.stat().st_ino, 5) is None


@pytest.mark.parametrize("tgid", [None, 5])
def test_a_search(machine: Machine, searches: list[str], tgid: Optional[int]) -> None:
    machine.cgroup("/a/b/c")
    machine.cgroup("/d/e")
    (machine.root / "a/file").touch()
    (machine.root / "a/link").symlink_to(machine.root)
    number = machine.cgroup("/a/b/wanted \udcff")
    found = machine.cgroups()
    assert found.path(number, tgid) == "/a/b/wanted \udcff"
    assert found.path(machine.root.stat().st_ino) == "/"
    assert found.path((machine.root / "d").stat().st_ino) == "/d"
    assert searches == [str(machine.root)]


def test_ids_of_old_kernels(machine: Machine) -> None:
    """Their upper half is a generation."""
    number = machine.cgroup("/a") | 7 << 32
    assert machine.cgroups().path(number) == "/a"
    machine.process(5, "0::/a")
    assert machine.cgroups().path(number, 5) == "/a"


def test_searches_have_a_budget(
    machine: Machine, searches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]

    def monotonic() -> float:
        clock[0] += 0.010
        return clock[0]

    monkeypatch.setattr(time, "monotonic", monotonic)
    found = machine.cgroups()
    assert found.path(GONE) is None
    assert found.searchable_at == pytest.approx(clock[0] + 0.2)
    number = machine.cgroup("/later")
    assert found.path(number) is None
    assert len(searches) == 1
    clock[0] += 0.2
    assert found.path(number) == "/later"
    assert len(searches) == 2


def test_a_closed_or_vanished_directory(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.cgroup("/closed/inner")
    number = machine.cgroup("/open/inner")
    real = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "no", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert machine.cgroups().path(number) == "/open/inner"
    assert machine.cgroups().path(GONE) is None


@pytest.mark.parametrize(
    ("place", "more", "by_process"),
    [
        ("/sys/fs/cgroup", (), False),
        ("/sys/fs/cgroup/unified", ("31 22 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids",), True),
        (None, ("31 22 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids",), True),
        (None, (), True),
    ],
)
def test_hierarchies(machine: Machine, place: Optional[str], more: tuple[str, ...], by_process: bool) -> None:
    machine.mounts(place, *more)
    assert machine.cgroups().by_process is by_process
    assert machine.cgroups()._root == place
    if place is None:
        assert machine.cgroups().path(1, 1) is None


def test_the_whole_hierarchy_before_a_part(machine: Machine) -> None:
    part = "29 22 0:26 /docker/x /part rw - cgroup2 cgroup2 rw"
    machine.mounts("/whole", part)
    assert machine.cgroups()._root == "/whole"
    machine.mounts(None, part)
    assert machine.cgroups()._root == "/part"


def test_no_proc(tmp_path: Path) -> None:
    found = Cgroups(str(tmp_path))
    assert found.by_process
    assert found.path(1, 1) is None
    assert found.paths_of(1, 0) is None


def test_paths_of_a_process(machine: Machine) -> None:
    machine.process(5, "9:pids:/a", "1:name=systemd:/b:c", "0::/")
    found = machine.cgroups()
    assert found.paths_of(5, START + TICK // 2) == ["/a", "/b:c", "/"]
    assert found.paths_of(5, START + 10 * TICK) is None
    assert found.paths_of(6, START) is None
    (machine.proc / "5/stat").unlink()
    assert found.paths_of(5, START) is None


def test_this_machine() -> None:
    """Whatever it has: a search is possible, and no id is invented."""
    assert Cgroups().path(GONE, os.getpid()) is None
