# SPDX-License-Identifier: GPL-2.0-only
"""The package itself: what it offers, and that it is quick to import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ksonde
from ksonde import errors


def modules_after(code: str) -> set[str]:
    """What a fresh interpreter has imported after code."""
    environment = {**os.environ, "PYTHONPATH": str(Path(ksonde.__file__).parents[1])}
    command = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return set(done.stdout.split())


def test_everything_that_is_promised_is_there() -> None:
    for name in ksonde.__all__:
        assert getattr(ksonde, name) is not None
    assert set(ksonde.__all__) <= set(dir(ksonde))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ksonde.nothing


def test_importing_it_imports_nothing_heavy() -> None:
    modules = modules_after("import ksonde")
    heavy = {"construct", "pyudev", "pyroute2", "typer", "rich", "json", "dataclasses", "ksonde.session"}
    assert not heavy & modules


def test_a_session_imports_only_what_it_needs() -> None:
    modules = modules_after("import ksonde; ksonde.Session")
    assert not {"pyudev", "pyroute2", "typer", "rich"} & modules
    assert "construct" in modules


def test_every_error_is_one_line_with_an_exit_code() -> None:
    samples = [
        errors.BadCapture("no header", "x.cap", 3),
        errors.BadInspection("no JSON"),
        errors.BadProfile("/x.toml", 3, "it has no events", "say events"),
        errors.BadRecord("too short", 3),
        errors.BadRule(0, "it can never match", "leave it out"),
        errors.BadSchema("no JSON"),
        errors.Busy("busy"),
        errors.DeviceMissing("/dev/ksonde"),
        errors.DriverError("ioctl INFO", 5, "Input/output error"),
        errors.InspectionUnknown("lsm"),
        errors.KsondeError("wrong", "do this"),
        errors.NoSuchProcess(7),
        errors.PermissionRefused("/dev/ksonde"),
        errors.SchemaTooNew("ABI 2"),
        errors.SessionClosed(),
        errors.TooManySessions("/dev/ksonde"),
        errors.UdevMissing("no libudev"),
        errors.UnknownEvent("conect", "connect", ["connect"]),
        errors.UnknownEvent("x", None),
        errors.UnknownProfile("defalt", "default", ["default"]),
        errors.UnknownProfile("x", None),
        errors.VersionMismatch(2, 1, "0.2.0"),
    ]
    assert {type(sample).__name__ for sample in samples} == set(errors.__all__)
    for sample in samples:
        assert isinstance(sample, errors.KsondeError)
        assert str(sample)
        assert "\n" not in str(sample) + sample.hint
        assert 0 < sample.exit_code < 64
