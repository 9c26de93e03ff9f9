# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import pytest

from fakes import tree
from ksonde import __version__, module
from ksonde.errors import KsondeError
from ksonde.machine import Machine
from ksonde.module import build_command, built

ROOT_CAPABILITIES = {"/proc/self/status": "CapEff:\t000001ffffffffff\n"}
LOADED = {
    "/sys/module/ksonde/version": f"{__version__}\n",
    "/sys/module/ksonde/parameters/sessions_max": "8\n",
    "/sys/module/ksonde/parameters/ring_max": "67108864\n",
    "/proc/modules": "loop 1 0 - Live 0x0\nksonde 196608 2 - Live 0x0000000000000000 (OE)\n",
    "/dev/ksonde": "",
}


class FakeMachine(Machine):
    """Notes what is run and answers it."""

    def __init__(self, root: Path, *, code: int = 0, says: str = "", tools: bool = True) -> None:
        super().__init__(root, release="6.1.0")
        self.ran: list[list[str]] = []
        self.code = code
        self.says = says
        self.tools = tools

    def find(self, program: str) -> Optional[str]:
        return f"/sbin/{program}" if self.tools else None

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.ran.append(list(command))
        if not self.code and "rmmod" not in command[0]:
            tree(self.root, {"/dev/ksonde": ""})
        return subprocess.CompletedProcess(list(command), self.code, "", self.says)


@pytest.fixture(name="ko")
def _ko(tmp_path: Path) -> Path:
    path = tmp_path / "ksonde.ko"
    path.write_bytes(
        b"\x7fELF\0license=GPL\0srcversion=AB\0version=0.1.0\0vermagic=6.1.0 SMP mod_unload \0rest\0"
    )
    return path


@pytest.fixture(autouse=True)
def _no_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "built", lambda _machine: None)


def failure(machine: FakeMachine, path: Optional[Path] = None) -> tuple[str, int]:
    with pytest.raises(KsondeError) as caught:
        module.load(path, machine=machine)
    assert caught.value.hint
    assert "\n" not in f"{caught.value}{caught.value.hint}"
    return str(caught.value), caught.value.exit_code


def test_what_a_file_says_of_itself(ko: Path, tmp_path: Path) -> None:
    assert module.module_info(ko) == {
        "version": "0.1.0",
        "vermagic": "6.1.0 SMP mod_unload ",
        "license": "GPL",
    }
    assert module.module_info(tmp_path) == {}


def test_load_a_file(tmp_path: Path, ko: Path) -> None:
    machine = FakeMachine(tree(tmp_path, ROOT_CAPABILITIES))
    assert module.load(ko, ["ring_max=1048576"], machine) == (True, str(ko))
    assert machine.ran == [["/sbin/insmod", str(ko), "ring_max=1048576"]]


def test_parameters_that_would_be_ignored(tmp_path: Path, ko: Path) -> None:
    ko.write_bytes(ko.read_bytes() + b"parmtype=ring_max:ulong\0parmtype=sessions_max:uint\0")
    machine = FakeMachine(tree(tmp_path, LOADED))
    with pytest.raises(KsondeError, match="no parameter 'rings'") as caught:
        module.load(ko, ["rings=1"], machine)
    assert caught.value.hint == "it has ring_max, sessions_max"
    assert module.load(ko, ["sessions_max=8"], machine) == (False, "")
    with pytest.raises(KsondeError, match="loaded already, with sessions_max=8"):
        module.load(ko, ["sessions_max=9"], machine)


def test_a_compressed_file_is_insmods_affair(tmp_path: Path) -> None:
    packed = tmp_path / "ksonde.ko.xz"
    packed.write_bytes(b"\xfd7zXZ")
    assert module.load(packed, ["a=b"], FakeMachine(tree(tmp_path, ROOT_CAPABILITIES)))[0]


def test_load_the_installed_one(tmp_path: Path) -> None:
    machine = FakeMachine(tree(tmp_path, ROOT_CAPABILITIES))
    assert module.load(machine=machine)[0]
    assert machine.ran == [["/sbin/modprobe", "ksonde"]]


def test_load_twice(tmp_path: Path) -> None:
    machine = FakeMachine(tree(tmp_path, LOADED))
    assert module.load(machine=machine) == (False, "")
    assert not machine.ran


def test_another_version_is_loaded(tmp_path: Path, ko: Path) -> None:
    machine = FakeMachine(tree(tmp_path, {**LOADED, "/sys/module/ksonde/version": "0.0.7"}))
    assert failure(machine, ko) == ("version 0.0.7 of the module is loaded, not 0.1.0", 7)


def test_why_it_cannot_be_loaded(tmp_path: Path, ko: Path) -> None:
    root = tree(tmp_path, ROOT_CAPABILITIES)
    assert failure(FakeMachine(root), tmp_path / "none.ko")[0].startswith("there is no file")
    wrong = tmp_path / "wrong.ko"
    wrong.write_bytes(b"text")
    assert failure(FakeMachine(root), wrong)[0].endswith("is no kernel module")
    wrong.write_bytes(ko.read_bytes().replace(b"6.1.0 SMP", b"5.9.0 SMP"))
    assert failure(FakeMachine(root), wrong)[0].endswith("is for kernel 5.9.0, this is 6.1.0")
    assert failure(FakeMachine(root, tools=False), ko)[0] == "there is no insmod"
    tree(root, {"/proc/cmdline": "ksonde=off"})
    assert failure(FakeMachine(root), ko)[0] == "the kernel was booted with ksonde=off"
    tree(root, {"/proc/cmdline": "", "/proc/self/status": "CapEff:\t0000000000000000\n"})
    assert failure(FakeMachine(root), ko) == ("no permission to load modules", 4)


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (
            "modprobe: FATAL: Module ksonde not found in directory /x",
            "no module ksonde is installed for kernel 6.1.0",
        ),
        ("could not insert module: Key was rejected by service", "the kernel takes signed modules only"),
        ("could not insert module: Invalid module format", "the module was not built for kernel 6.1.0"),
        ("could not insert module: Operation not permitted", "no permission to load modules"),
        ("could not insert module: Invalid parameters", "the module refuses a parameter"),
        ("could not insert module: Cannot allocate memory", "the module cannot be loaded: could not"),
        ("", "the module cannot be loaded: no reason given"),
    ],
)
def test_what_the_kernel_says(tmp_path: Path, says: str, message: str) -> None:
    machine = FakeMachine(tree(tmp_path, ROOT_CAPABILITIES), code=1, says=says)
    assert failure(machine)[0].startswith(message)


def test_lockdown_is_named(tmp_path: Path) -> None:
    tree(tmp_path, {**ROOT_CAPABILITIES, "/sys/kernel/security/lockdown": "none [integrity]"})
    assert "lockdown (integrity)" in failure(FakeMachine(tmp_path, code=1, says="Operation not permitted"))[0]


def test_a_node_that_does_not_appear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    monkeypatch.setattr("fakes.tree", lambda *_: None)
    machine = FakeMachine(tree(tmp_path, ROOT_CAPABILITIES))
    monkeypatch.setattr(machine, "run", lambda command: subprocess.CompletedProcess(command, 0, "", ""))
    assert failure(machine)[0] == "the module is loaded, but /dev/ksonde does not appear"


def test_unload(tmp_path: Path) -> None:
    machine = FakeMachine(tree(tmp_path, {**LOADED, **ROOT_CAPABILITIES}))
    module.unload(machine)
    assert machine.ran == [["/sbin/rmmod", "ksonde"]]


def test_why_it_cannot_be_unloaded(tmp_path: Path) -> None:
    with pytest.raises(module.NotLoaded) as missing:
        module.unload(FakeMachine(tmp_path))
    assert missing.value.exit_code == 3
    tree(tmp_path, LOADED)
    with pytest.raises(module.NotAllowed) as refused:
        module.unload(FakeMachine(tmp_path))
    assert refused.value.exit_code == 4
    tree(tmp_path, {**ROOT_CAPABILITIES, "/proc/77/comm": "agent\n", "/proc/77/fd/0": ""})
    (tmp_path / "proc/77/fd/3").symlink_to("/dev/ksonde")
    (tmp_path / "proc/77/fd/0").unlink()
    with pytest.raises(module.InUse, match=r"in use: agent\[77\]") as busy:
        module.unload(FakeMachine(tmp_path, code=1, says="rmmod: ERROR: Module ksonde is in use"))
    assert busy.value.exit_code == 5
    tree(tmp_path, {"/sys/module/ksonde/parameters/pending": "2 do_filp_open\n1 x\n"})
    (tmp_path / "proc/77/fd/3").unlink()
    with pytest.raises(
        module.InUse, match="2 calls of do_filp_open, 1 call of x that it has followed did not"
    ):
        module.unload(FakeMachine(tmp_path, code=1, says="rmmod: ERROR: Module ksonde is in use"))
    with pytest.raises(KsondeError, match="cannot be unloaded: strange"):
        module.unload(FakeMachine(tmp_path, code=1, says="strange"))


def test_status(tmp_path: Path) -> None:
    assert module.status(Machine(tmp_path)) == module.Status(loaded=False)
    found = module.status(Machine(tree(tmp_path, LOADED)))
    assert (found.version, found.users, found.state, found.size) == (__version__, 2, "Live", 196608)
    assert found.parameters == {"ring_max": "67108864", "sessions_max": "8"}
    assert found.device.startswith("06")
    assert found.pending == ()
    found = module.status(
        Machine(tree(tmp_path, {"/sys/module/ksonde/parameters/pending": "1 do_filp_open\n"}))
    )
    assert found.pending == ("1 call of do_filp_open",)
    assert "pending" not in found.parameters


def test_who_holds_the_device_of_this_machine() -> None:
    assert list(module.holders()) == [] or os.path.exists("/dev/ksonde")  # noqa: PTH110


def test_only_a_module_for_the_running_kernel_counts(tmp_path: Path) -> None:
    old, new = tmp_path / "old.ko", tmp_path / "new.ko"
    old.write_bytes(b"\0vermagic=5.10.0 SMP \0")
    new.write_bytes(b"\0vermagic=6.1.0 SMP \0")
    machine = Machine(tmp_path, release="6.1.0")
    assert built(machine, [tmp_path / "none.ko", old]) is None
    assert built(machine, [old, new]) == new
    assert "/lib/modules/6.1.0/build" in build_command(machine)
