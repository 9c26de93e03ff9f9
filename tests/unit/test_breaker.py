# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
import os
import stat
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import tree
from ksonde import __version__, breaker, module
from ksonde.breaker import (
    FORGET,
    HEALTHY,
    LOADING,
    NORMAL,
    NOTHING,
    REFUSED,
    STOPPED,
    CannotNote,
    Damaged,
    Note,
    Notebook,
    Tripped,
)
from ksonde.errors import KsondeError
from ksonde.machine import Machine


class Computer(Machine):
    """Boots, loads, dies: all on files below root."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, release="6.1.0")
        self.boots = 0
        self.now = 0.0
        self.refuses = False
        self.parameters: list[str] = []
        tree(root, {"/proc/self/status": "CapEff:\t000001ffffffffff\n", "/dev/kmsg": ""})
        self.reboot()

    def reboot(self) -> None:
        self.boots += 1
        self.now = 10.0
        self._unload()
        tree(self.root, {"/proc/sys/kernel/random/boot_id": f"b007-{self.boots}\n"})

    def uptime(self) -> float:
        return self.now

    def find(self, program: str) -> Optional[str]:
        return f"/sbin/{program}"

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        if "rmmod" in command[0]:
            self._unload()
        elif not self.refuses:
            self.parameters = list(command[2:])
            tree(self.root, {"/sys/module/ksonde/version": __version__, "/dev/ksonde": ""})
        return subprocess.CompletedProcess(list(command), self.refuses, "", "no")

    def _unload(self) -> None:
        for name in ("/sys/module/ksonde/version", "/dev/ksonde"):
            self.path(name).unlink(missing_ok=True)
        if self.path("/sys/module/ksonde").is_dir():
            self.path("/sys/module/ksonde").rmdir()

    def said(self) -> str:
        return self.read("/dev/kmsg") or ""

    # What happens to it, in the tests' words.

    def load(self, **options: Any) -> breaker.Loaded:
        return breaker.load(machine=self, **options)

    def live(self) -> None:
        self.now += breaker.HEALTHY_AFTER
        assert breaker.note_healthy(self)

    def boot_and_live(self) -> str:
        self.reboot()
        self.load(boot=True)
        self.live()
        return self.mode()

    def boot_and_die(self) -> str:
        self.reboot()
        self.load(boot=True)
        return self.mode()

    def mode(self) -> str:
        return self.note().mode

    def note(self) -> Note:
        note = breaker.look(self)
        assert note is not None
        return note


@pytest.fixture(name="computer")
def _computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    monkeypatch.setattr(module, "built", lambda _machine: None)
    return Computer(tmp_path)


@pytest.fixture(name="book")
def _book(computer: Computer) -> Notebook:
    return Notebook(computer)


# --------------------------------------------------------------- the rules


def test_two_boots_die_and_the_third_comes_up_without_it(computer: Computer) -> None:
    assert computer.boot_and_die() == NORMAL
    assert not computer.parameters
    assert computer.boot_and_die() == NOTHING
    assert computer.parameters[0].startswith('observe_nothing="the boot that loaded it at 20')
    assert computer.parameters[0].endswith(' died before it was healthy"')
    for _ in range(3):
        computer.reboot()
        with pytest.raises(Tripped, match=r"^not loaded: the boots that loaded it at") as caught:
            computer.load(boot=True)
        assert caught.value.exit_code == 10
        assert "ksonde load --retry" in caught.value.hint
        assert computer.module_version() is None
        assert "<3>ksonde: not loaded: the boots that loaded it" in computer.said()
        assert "ksonde load --retry" in breaker.remarks(computer.note())[0]


def test_told_to_try_again(computer: Computer) -> None:
    computer.boot_and_die()
    computer.boot_and_die()
    computer.reboot()
    assert computer.load(retry=True).observes
    assert computer.mode() == NORMAL
    computer.live()
    assert computer.note().strikes == ()


def test_the_way_back_to_normal(computer: Computer) -> None:
    computer.boot_and_die()
    assert computer.boot_and_live() == NOTHING
    for done in range(FORGET):
        assert computer.boot_and_live() == NORMAL
        assert len(computer.note().strikes) == (done < FORGET - 1)
    assert breaker.remarks(computer.note())[0].startswith(f"{FORGET} healthy boots ended unclean")


def test_the_way_back_ends_where_the_trial_dies(computer: Computer) -> None:
    computer.boot_and_die()
    assert computer.boot_and_live() == NOTHING
    assert computer.boot_and_die() == NORMAL
    computer.reboot()
    with pytest.raises(Tripped):
        computer.load(boot=True)


def test_a_trial_that_is_healthy_does_not_forgive_at_once(computer: Computer) -> None:
    computer.boot_and_die()
    computer.boot_and_live()
    for _ in range(FORGET - 1):
        assert computer.boot_and_live() == NORMAL
    assert computer.boot_and_die() == NORMAL
    computer.reboot()
    with pytest.raises(Tripped):
        computer.load(boot=True)


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=80))
def test_no_series_of_crashes_goes_on(dies: list[bool]) -> None:
    """Whatever a machine does, of any FORGET boots in a row at most two die with the module."""
    note: Optional[Note] = None
    died: list[bool] = []
    for number, die in enumerate(dies):
        note = breaker.judge(note, f"b{number}")
        if note.mode == REFUSED:
            died.append(False)
            continue
        note = replace(note, state=LOADING, time=float(number))
        died.append(die)
        if not die:
            note = breaker.healthy(note)
    for begin in range(len(died)):
        assert sum(died[begin : begin + FORGET]) <= 2


def test_a_power_cut_is_no_strike(computer: Computer) -> None:
    for count in range(1, 4):
        computer.load(boot=True)
        computer.live()
        computer.reboot()
        assert (computer.note().unclean, computer.note().strikes) == (count, ())
        assert computer.mode() == NORMAL


def test_a_clean_end_is_no_strike(computer: Computer) -> None:
    computer.load(boot=True)
    assert breaker.note_stopped(computer)
    assert not breaker.note_stopped(computer)
    computer.reboot()
    assert computer.load(boot=True).observes
    assert (computer.note().unclean, computer.note().strikes) == (0, ())


def test_a_boot_without_it_is_no_way_out(computer: Computer) -> None:
    computer.boot_and_die()
    computer.reboot()
    tree(computer.root, {"/proc/cmdline": "ksonde=off"})
    with pytest.raises(module.LoadFailed, match="ksonde=off"):
        computer.load(boot=True)
    tree(computer.root, {"/proc/cmdline": ""})
    assert computer.boot_and_die() == NOTHING


def test_one_boot_is_judged_once(computer: Computer) -> None:
    """Unloading and loading again in a boot that observes nothing changes nothing."""
    computer.boot_and_die()
    computer.boot_and_live()
    module.unload(computer)
    breaker.note_stopped(computer)
    assert not computer.load().observes


def test_loaded_again_in_a_healthy_boot_is_one_healthy_boot(computer: Computer) -> None:
    computer.load()
    computer.live()
    module.unload(computer)
    computer.load()
    assert computer.note().state == LOADING
    computer.live()
    assert computer.note().good == 1


# --------------------------------------------------------- loading, in time


def test_it_is_noted_before_the_module_is_loaded(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def load(*_: object) -> tuple[bool, str]:
        seen.append(computer.note().state)
        return True, ""

    monkeypatch.setattr(module, "load", load)
    computer.load()
    assert seen == [LOADING]


def test_a_module_that_is_refused_is_no_crash(computer: Computer) -> None:
    computer.refuses = True
    with pytest.raises(module.LoadFailed):
        computer.load(boot=True)
    assert computer.note().state == STOPPED
    computer.reboot()
    computer.refuses = False
    assert computer.load(boot=True).observes


def test_loaded_already(computer: Computer) -> None:
    computer.load()
    computer.live()
    before = computer.note()
    assert not computer.load().new
    assert computer.note() == before
    computer.load(retry=True)
    assert breaker.look(computer) is None


def test_healthy_is_waited_for(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        computer.now += seconds

    monkeypatch.setattr("time.sleep", sleep)
    computer.load(healthy_after=12.0)
    assert breaker.note_healthy(computer)
    assert slept == [5.0, 5.0, 2.0]
    assert not breaker.note_healthy(computer)
    assert computer.note().state == HEALTHY


def test_by_hand_a_process_is_left_that_notes_it(computer: Computer) -> None:
    """It holds nothing of ours, so that who reads our output sees its end."""
    computer.load(healthy_after=0.3)
    ours, theirs = os.pipe()
    os.set_inheritable(theirs, True)
    computer.uptime = time.monotonic  # type: ignore[method-assign]
    breaker.leave_watcher(computer)
    os.close(theirs)
    assert os.read(ours, 1) == b""
    os.close(ours)
    end = time.monotonic() + 30
    while computer.note().state != HEALTHY and time.monotonic() < end:
        time.sleep(0.05)
    assert computer.note().state == HEALTHY
    os.wait()


def test_what_was_unloaded_is_not_healthy(computer: Computer) -> None:
    computer.load()
    computer._unload()
    with pytest.raises(module.NotLoaded):
        breaker.note_healthy(computer)
    assert computer.note().state == LOADING
    computer.reboot()
    with pytest.raises(module.NotLoaded):
        breaker.note_healthy(computer)


# -------------------------------------------------------------- the file


def test_the_note_is_private_and_nothing_is_left(computer: Computer, book: Notebook) -> None:
    os.umask(0)
    try:
        computer.load()
    finally:
        os.umask(0o022)
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o600
    assert [path.name for path in book.folder.iterdir()] == ["breaker.json"]
    assert book.read() == computer.note()


def test_it_is_on_the_disk_before_it_has_its_name(
    computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        done.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    computer.load()
    assert done == ["file", "rename", "folder"]


GOOD: dict[str, Any] = {"format": 1, **asdict(Note(LOADING, NORMAL, "b007-0", 1e9, 5.0))}


def test_the_good_one_is_good(computer: Computer, book: Notebook) -> None:
    tree(computer.root, {"/var/lib/ksonde/breaker.json": json.dumps(GOOD)})
    note = book.read()
    assert note is not None
    assert note == Note(LOADING, NORMAL, "b007-0", 1e9, 5.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "\0" * 4096,
        json.dumps(GOOD)[:-5],
        json.dumps({**GOOD, "format": 2}),
        json.dumps({**GOOD, "state": "fine"}),
        json.dumps({**GOOD, "mode": ["normal"]}),
        json.dumps({**GOOD, "boot": "../../etc"}),
        json.dumps({**GOOD, "boot": 7}),
        json.dumps({**GOOD, "strikes": 0}),
        json.dumps({**GOOD, "strikes": ["x"]}),
        json.dumps({**GOOD, "strikes": [1, 2]}),
        json.dumps({**GOOD, "strikes": [1, 2, 3], "mode": "refused"}),
        json.dumps({**GOOD, "good": -1}),
        json.dumps({**GOOD, "good": True}),
        json.dumps({**GOOD, "time": 1e300}),
        json.dumps({**GOOD, "time": float("nan")}),
        "[" * 60000,
    ],
)
def test_a_damaged_note_is_a_strike_and_two_are_two(computer: Computer, text: str) -> None:
    tree(computer.root, {"/var/lib/ksonde/breaker.json": text})
    with pytest.raises(Damaged):
        breaker.look(computer)
    assert not computer.load(boot=True).observes
    assert "note is damaged" in computer.said()
    assert "note was damaged" in computer.parameters[0]
    assert computer.read("/var/lib/ksonde/breaker.json.damaged") == text
    tree(computer.root, {"/var/lib/ksonde/breaker.json": text})
    computer.reboot()
    with pytest.raises(Tripped, match="damaged"):
        computer.load(boot=True)
    assert computer.load(retry=True).observes
    assert not computer.path("/var/lib/ksonde/breaker.json.damaged").exists()


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_note_or_damaged(data: bytes) -> None:
    with pytest.raises(Damaged):
        breaker._parsed(data)


def test_what_is_not_ours_is_not_believed(computer: Computer, book: Notebook, tmp_path: Path) -> None:
    book.folder.mkdir(parents=True)
    other = tmp_path / "other"
    other.write_text(json.dumps(GOOD))
    book.path.symlink_to(other)
    with pytest.raises(Damaged):
        book.read()
    book.path.unlink()
    os.mkfifo(book.path)
    with pytest.raises(Damaged):
        book.read()
    assert not computer.load().observes
    assert stat.S_ISREG(book.path.stat().st_mode)
    book.path.chmod(0o666)
    with pytest.raises(Damaged):
        book.read()
    assert other.read_text() == json.dumps(GOOD)


def test_without_a_note_nothing_is_loaded_at_boot(computer: Computer) -> None:
    """A file where the folder is to be."""
    tree(computer.root, {"/var/lib/ksonde": ""})
    with pytest.raises(CannotNote, match=r"cannot write .*breaker\.json") as caught:
        computer.load(boot=True)
    assert "writable" in caught.value.hint
    assert computer.module_version() is None
    assert "not loaded" in computer.said()
    done = computer.load()
    assert done.new
    assert "cannot write" in done.warning


def test_a_full_disk_leaves_the_old_note(
    computer: Computer, book: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    computer.load()
    before = book.read()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotNote, match="No space left"):
        breaker.note_stopped(computer)
    assert book.read() == before


def test_no_rights(computer: Computer) -> None:
    tree(computer.root, {"/proc/self/status": "CapEff:\t0000000000000000\n"})
    with pytest.raises(KsondeError, match="no permission to load modules"):
        computer.load(retry=True)
    assert breaker.look(computer) is None
