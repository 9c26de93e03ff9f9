# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fakes import FakeDevice, tree
from ksonde import __version__, breaker, health
from ksonde.health import DEGRADED, HEALTHY, SETTLING, UNHEALTHY
from ksonde.machine import Machine
from ksonde.module import Status

HOOKS = FakeDevice().rows
LOADED = Status(True, __version__, 1, "Live", 4096, {"observe_nothing": ""}, "0600 root:root")
BOOT = "b007-1"


@pytest.fixture(name="machine")
def _machine(tmp_path: Path) -> Machine:
    return Machine(tree(tmp_path, {"/proc/sys/kernel/random/boot_id": BOOT}), release="6.1.0")


def note(machine: Machine, **values: object) -> None:
    noted = breaker.Note(breaker.HEALTHY, breaker.NORMAL, BOOT, 1e9, machine.uptime())
    breaker.Notebook(machine).write(replace(noted, **values))  # type: ignore[arg-type]


def test_healthy(machine: Machine) -> None:
    assert health.examine(LOADED, HOOKS, "", machine) == health.Health(HEALTHY)
    note(machine)
    assert health.examine(LOADED, HOOKS, "", machine) == health.Health(HEALTHY)


def test_what_the_governor_holds_back_is_said(machine: Machine) -> None:
    hooks = [
        replace(HOOKS[0], keep=8),
        replace(HOOKS[0], name="open", state="disarmed", keep=64),
        replace(HOOKS[0], name="a\x1b", keep=0xFFFFFFFF),
    ]
    why = "the governor holds hooks back: connect (1/8 of its records), open (disarmed), a\\e (no records)"
    assert health.examine(LOADED, hooks, "", machine) == health.Health(HEALTHY, why)


def test_settling(machine: Machine) -> None:
    note(machine, state=breaker.LOADING, healthy_after=500.0)
    found = health.examine(LOADED, HOOKS, "", machine)
    assert found.state == SETTLING
    assert found.why.startswith(("healthy in 500 s", "healthy in 499 s"))
    note(machine, state=breaker.LOADING, healthy_after=0.0)
    assert health.examine(LOADED, HOOKS, "", machine).state == HEALTHY


@pytest.mark.parametrize(
    ("found", "problem", "why"),
    [
        (Status(loaded=False), "", "the module is not loaded"),
        (LOADED, "no permission to open /dev/ksonde", "no permission to open /dev/ksonde"),
        (
            replace(LOADED, parameters={"observe_nothing": "a boot\x1b died"}),
            "",
            "it observes nothing: a boot\\e died",
        ),
        (
            replace(LOADED, version="0.0.7"),
            "",
            f"version 0.0.7 is loaded, this package is {__version__}",
        ),
    ],
)
def test_unhealthy(machine: Machine, found: Status, problem: str, why: str) -> None:
    assert health.examine(found, HOOKS, problem, machine) == health.Health(UNHEALTHY, why)


def test_degraded(machine: Machine) -> None:
    hooks = [HOOKS[0], replace(HOOKS[1], state="unavailable")]
    found = health.examine(LOADED, hooks, "", machine)
    assert found == health.Health(DEGRADED, "hooks cannot be armed: update_cred")


def test_what_nobody_misses(machine: Machine) -> None:
    """A kernel without USB has no devices of it; and what was left out on purpose is told, no more."""
    usb = replace(HOOKS[1], name="usb_device", state="unavailable",
                  detail=["notifier usb: this kernel was built without it (-95)"])  # fmt: skip
    assert health.examine(LOADED, [HOOKS[0], usb], "", machine) == health.Health(HEALTHY)
    out = replace(HOOKS[1], name="kill", state="unavailable", detail=["the parameter avoid says so"])
    why = "hooks are left out by the module's parameter avoid: kill"
    assert health.examine(LOADED, [out, usb], "", machine) == health.Health(HEALTHY, why)
    other = replace(usb, detail=["ftrace x: this kernel was built without it (-95)"])
    assert health.examine(LOADED, [out, other], "", machine).state == DEGRADED


def test_what_the_breaker_knows(machine: Machine) -> None:
    note(machine, mode=breaker.REFUSED, strikes=(1e9, 1e9 + 60), unclean=2, unclean_time=1e9)
    found = health.examine(Status(loaded=False), [], "", machine)
    assert (found.state, found.why) == (UNHEALTHY, "the crash breaker keeps it from loading")
    assert "2001-09-09T01:46:40Z and 2001-09-09T01:47:40Z died" in found.notes[0]
    assert found.notes[1].startswith("2 healthy boots ended unclean")


def test_a_note_that_cannot_be_read(machine: Machine) -> None:
    tree(machine.root, {"/var/lib/ksonde/breaker.json": "{"})
    assert "counts as a crash" in health.examine(LOADED, HOOKS, "", machine).notes[0]


def test_a_note_of_somebody_elses(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_machine: Machine) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(breaker, "look", refuse)
    found = health.examine(LOADED, HOOKS, "", machine)
    assert found.notes == ("the crash breaker's note cannot be read: Permission denied",)
