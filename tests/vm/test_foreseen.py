# SPDX-License-Identifier: GPL-2.0-only
"""What preflight says of this kernel, without a module that is loaded, and what the module then does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import ksonde
from ksonde import hooktable, preflight, symbols
from ksonde.device import HookInfo
from ksonde.machine import Machine

KO = Path(os.environ["KSONDE_KO"])
RELEASE = os.environ["KSONDE_VM"]
KERNEL = Path(os.environ["KSONDE_CACHE"]) / "kernels" / RELEASE
Fate = tuple[str, str, str, str]


@pytest.fixture(name="hooks", scope="module")
def _hooks() -> list[HookInfo]:
    """Armed, all of them."""
    with ksonde.Device() as device:
        events = device.schema().profile("S")
    with ksonde.open(events) as session:
        return session.device.hooks()


def fates(hooks: list[HookInfo]) -> list[Fate]:
    return [(hook.name, hook.state, hook.mechanism, hook.target) for hook in hooks]


def predicted(machine: Machine) -> list[Fate]:
    hooks, _ = preflight.predict(machine, hooktable.read(KO))
    return [(hook.name, hook.state, hook.mechanism, hook.target) for hook in hooks]


def test_the_table_in_the_file_is_the_loaded_ones(hooks: list[HookInfo]) -> None:
    with ksonde.Device() as device:
        ids = {name: event.id for name, event in device.schema().events.items()}
    table = hooktable.read(KO)
    assert [(hook.name, hook.event) for hook in table.hooks] == [
        (hook.name, ids[hook.event] if hook.event else 0) for hook in hooks
    ]
    # Where nothing better was there, every candidate has its line.
    for row, hook in zip(table.hooks, hooks):
        tried = [f"{point.mechanism} {point.target}" for point in row.points][: len(hook.detail)]
        assert [line.split(":")[0] for line in hook.detail] == tried


def test_of_the_running_kernel(hooks: list[HookInfo]) -> None:
    machine = Machine()
    found = symbols.find(machine)
    assert found is not None
    assert found.source == "the running kernel"
    assert predicted(machine) == fates(hooks)


def test_of_a_kernel_that_does_not_run(hooks: list[HookInfo], tmp_path: Path) -> None:
    """From what is in its package: options and image; Debian's System.map is empty."""
    (tmp_path / "boot").mkdir()
    for name in ("config", "System.map"):
        (tmp_path / "boot" / f"{name}-{RELEASE}").symlink_to(KERNEL / f"root/boot/{name}-{RELEASE}")
    # The image, unpacked: packed ones are the unit tests' affair, and slow here.
    (tmp_path / f"boot/vmlinuz-{RELEASE}").symlink_to(KERNEL / "vmlinux")
    machine = Machine(tmp_path, release="6.9.0-other").of(RELEASE)
    found = symbols.find(machine)
    assert found is not None
    assert found.source == f"the types in /boot/vmlinuz-{RELEASE}"
    assert predicted(machine) == fates(hooks)
