# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from pathlib import Path

import pytest

from ksonde import crossview
from ksonde.crossview import CrossView
from ksonde.inspection import Finding

KNOWN: dict[str, list[Hashable]] = {"processes": [1, 2, 40], "modules": ["ext4", "ksonde"]}


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    for pid in (1, 2, 40, 41):
        (tmp_path / str(pid)).mkdir()
    (tmp_path / "modules").write_text("ext4 770048 2 - Live 0x0\nksonde 99 0 - Live 0x0 (OE)\n")
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text("22 1 0:5 / /proc rw,nosuid - proc proc rw\n")
    (tmp_path / "net").mkdir()
    for table in ("tcp", "udp"):
        (tmp_path / "net" / table).write_text("  sl  local_address ...\n")
    return tmp_path


@pytest.fixture
def initial(proc: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The namespace of pids, which is the initial one."""
    namespace = proc / "self/ns/pid"
    namespace.parent.mkdir()
    namespace.touch()
    monkeypatch.setattr(crossview, "INITIAL_PID_NAMESPACE", namespace.stat().st_ino)
    return namespace


def view(proc: Path, seen: Callable[[str], Collection[Hashable]] = KNOWN.__getitem__) -> CrossView:
    return CrossView(seen, proc, 0)


def test_nothing_is_missed(proc: Path, initial: Path) -> None:
    del initial
    assert view(proc).processes() == (3, (), "")
    assert view(proc).modules() == (2, (), "")


def test_a_process_is_missed(proc: Path, initial: Path) -> None:
    del initial
    (proc / "40").rmdir()
    checked, findings, why = view(proc).processes()
    assert (checked, why) == (3, "")
    assert findings == (Finding("process 40", "it runs, but /proc does not show it", None, 708),)


def test_what_ended_meanwhile_is_no_finding(proc: Path, initial: Path) -> None:
    del initial
    (proc / "40").rmdir()
    looks: list[list[Hashable]] = [[1, 2, 40], [1, 2]]
    assert view(proc, lambda _name: looks.pop(0)).processes() == (3, (), "")


def test_another_namespace(proc: Path, initial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    initial.unlink()
    assert view(proc).processes() == (
        0,
        (),
        "the namespace of pids cannot be told: No such file or directory",
    )
    initial.touch()
    monkeypatch.setattr(crossview, "INITIAL_PID_NAMESPACE", 1)
    assert view(proc).processes() == (0, (), "this is not the initial namespace of pids")


@pytest.mark.parametrize(
    ("options", "hides"), [("rw", False), ("rw,hidepid=off", False), ("rw,hidepid=invisible", True)]
)
def test_hidepid(proc: Path, initial: Path, options: str, hides: bool) -> None:
    del initial
    (proc / "self/mountinfo").write_text(
        f"9 1 0:5 / /other rw - proc proc rw,hidepid=2\n22 1 0:5 / /proc rw,nosuid - proc proc {options}\n"
    )
    (proc / "self/status").write_text("Name:\tx\nCapEff:\t000001fffff7ffff\n")
    why = view(proc).processes()[2]
    assert bool(why) == hides
    assert not hides or "hidepid" in why
    (proc / "self/status").write_text("Name:\tx\nCapEff:\t0000000000080000\n")
    assert view(proc).processes()[2] == ""


def test_a_module_is_missed(proc: Path) -> None:
    (proc / "modules").write_text("ext4 770048 2 - Live 0x0\n")
    assert view(proc).modules()[1] == (
        Finding("module ksonde", "it is loaded, but /proc/modules does not show it", None, 702),
    )
    (proc / "modules").unlink()
    assert view(proc).modules() == (0, (), "/proc/modules: No such file or directory")


def listed(*inodes: int) -> str:
    before = "   0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0"
    return "  sl  local_address ...\n" + "".join(f"{before} {inode} 1\n" for inode in inodes)


@pytest.mark.parametrize(
    ("tcp", "told", "findings"),
    [
        ([7, 8, 0], [7, 8, 0], []),
        ([7], [7, 8], [("socket 8", "/proc/net does not show it")]),
        ([7, 8], [8], [("socket 7", "sock_diag does not show it")]),
    ],
)
def test_sockets(
    proc: Path,
    monkeypatch: pytest.MonkeyPatch,
    tcp: list[int],
    told: list[int],
    findings: list[tuple[str, str]],
) -> None:
    (proc / "net/tcp").write_text(listed(*tcp))
    monkeypatch.setattr(crossview, "inodes", lambda: set(told) - {0})
    checked, found, why = view(proc).sockets()
    assert (checked, why) == (len(set(tcp + told) - {0}), "")
    assert [(finding.where, finding.what, finding.event) for finding in found] == [
        (*one, 700) for one in findings
    ]


def test_no_sockets_to_be_had(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(crossview, "inodes", refused)
    assert view(proc).sockets()[0] == 0
    assert "Operation not permitted" in view(proc).sockets()[2]
