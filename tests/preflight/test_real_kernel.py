# SPDX-License-Identifier: GPL-2.0-only
"""Preflight with a real kernel's package, as if it were installed: the module is built with its headers.

tools/test --preflight says where the kernel is: KSONDE_RELEASE, KSONDE_MODULES, KSONDE_HEADERS, KSONDE_BOOT.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ksonde import __version__, preflight
from ksonde.machine import Machine
from ksonde.preflight import DEGRADED, FAILS, FINE, Kernel

RELEASE = os.environ["KSONDE_RELEASE"]
MODULES = Path(os.environ["KSONDE_MODULES"])
HEADERS = Path(os.environ["KSONDE_HEADERS"])
BOOT = Path(os.environ["KSONDE_BOOT"])
PROBES = re.compile(r"CONFIG_(?:\w*KPROBES?\w*|\w*KRETPROBE\w*|UPROBES?\w*)[ =]")


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    """A machine with that kernel; its files are links, so that nothing can be written into them unseen."""
    modules = tmp_path / "lib/modules" / RELEASE
    modules.mkdir(parents=True)
    (modules / "kernel").symlink_to(MODULES / "kernel")
    (modules / "build").symlink_to(HEADERS)
    (tmp_path / "boot").symlink_to(BOOT)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("ID=debian\n")
    return tmp_path


def machine_of(root: Path) -> Machine:
    return Machine(root, release="6.9.0-other", architecture="x86_64")


def examined(root: Path) -> Kernel:
    (kernel,) = preflight.examine(machine_of(root)).kernels
    return kernel


def what_then_happens(root: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """What DKMS does with the package."""
    source = preflight.find_source(machine_of(root))
    home = tmp_path / f"tree/ksonde/{__version__}/build"
    home.mkdir(parents=True)
    preflight.copy(source, home)
    command = preflight.build_command(machine_of(root).of(RELEASE), source, tmp_path / "tree")
    return subprocess.run(command, capture_output=True, text=True, check=False)


def copied_headers(root: Path) -> Path:
    """Headers that can be changed: the package's own part; what it shares with others stays where it is."""
    build = root / "lib/modules" / RELEASE / "build"
    build.unlink()
    shutil.copytree(HEADERS, build, symlinks=True)
    for link in ("scripts", "tools"):
        (build / link).unlink()
        (build / link).symlink_to((HEADERS / link).resolve())
    return build


def test_a_kernel_as_it_should_be(root: Path) -> None:
    """What the hooks then do is compared in the virtual machine: tests/vm/test_foreseen.py."""
    kernel = examined(root)
    assert (kernel.verdict, kernel.why) == (FINE, "")
    assert {hook.state for hook in kernel.hooks} == {"armed"}
    assert len(kernel.hooks) >= 10


def test_no_headers(root: Path, tmp_path: Path) -> None:
    (root / "lib/modules" / RELEASE / "build").unlink()
    kernel = examined(root)
    assert (kernel.verdict, kernel.hooks) == (FAILS, ())
    (headers,) = (check for check in kernel.checks if check.name == "headers")
    assert headers.hint.startswith(f"apt install linux-headers-{RELEASE}")
    assert what_then_happens(root, tmp_path).returncode != 0


def test_the_wrong_compiler(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs of this machine, but no compiler of the kernel's version."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for place in ("/usr/bin", "/usr/sbin"):
        for path in Path(place).iterdir():
            if "gcc" not in path.name and not (programs / path.name).is_symlink():
                (programs / path.name).symlink_to(path)
    monkeypatch.setenv("PATH", str(programs))
    kernel = examined(root)
    assert kernel.verdict == FAILS
    assert "gcc-12: not found" in kernel.why
    assert "apt install gcc-12" in [check.hint for check in kernel.checks if check.name == "compiler"]
    done = what_then_happens(root, tmp_path)
    assert done.returncode != 0
    assert "gcc-12: not found" in done.stderr


def test_a_kernel_that_it_does_not_build_on(root: Path, tmp_path: Path) -> None:
    """A task's structure of another name stands for what kernels change."""
    build = copied_headers(root)
    with (build / "include/generated/autoconf.h").open("a") as file:
        file.write("#define find_vpid find_vpid_of_another_kernel\n#define pid_task(a) no_such(a)\n")
    kernel = examined(root)
    assert kernel.verdict == FAILS
    assert "error:" in kernel.why
    done = what_then_happens(root, tmp_path)
    assert done.returncode != 0
    assert "error:" in done.stderr


def test_missing_kprobes(root: Path) -> None:
    """It builds, and most of its hooks cannot be armed.

    What a kernel without them then does was tried with one built for that: see docs/design.md.
    """
    build = copied_headers(root)
    (root / "boot").unlink()
    shutil.copytree(BOOT, root / "boot")
    for path in (build / "include/generated/autoconf.h", build / ".config", root / f"boot/config-{RELEASE}"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not PROBES.search(line)))
    kernel = examined(root)
    assert kernel.verdict == DEGRADED
    states = {hook.name: (hook.state, hook.mechanism) for hook in kernel.hooks}
    assert states["connect"] == ("unavailable", "")
    assert states["create_file"] == ("unavailable", "")
    assert states["process_exec"] == ("armed", "tracepoint")
    assert states["execve_failed"] == ("degraded", "sys_exit")
