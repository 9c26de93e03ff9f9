# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import errno
import json
from typing import Any

import pytest

from ksonde import cli, integrity, pristine
from ksonde.crossview import Compared, CrossView
from ksonde.errors import BadInspection, DriverError
from ksonde.inspection import Finding, Place

CLEAN: dict[str, Any] = {
    "inspect": 1,
    "part": "syscalls",
    "parts": 2,
    "checked": 449,
    "why": "",
    "findings": [],
}
MODULE: dict[str, Any] = {"event": 702, "where": "module evil\x1b", "what": "a module hides", "place": None}
SLOT: dict[str, Any] = {
    "event": 701,
    "where": "sys_call_table[39]",
    "what": "the slot has no function of a system call",
    "place": {"symbol": "f", "offset": 0, "module": "evil", "kernel": False},
}
MODULES = {**CLEAN, "part": "modules", "checked": 61, "why": "half blind"}


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The parts that the driver will answer with."""
    parts = [CLEAN, MODULES]

    def look(_what: Any, part: int, _device: Any) -> dict[str, Any]:
        if part >= len(parts):
            raise DriverError("ioctl INSPECT", errno.ENOENT, "No such file or directory")
        return parts[part]

    monkeypatch.setattr(integrity, "look", look)
    monkeypatch.setattr(integrity, "_COMPARED", {})
    monkeypatch.setattr(pristine, "scan", lambda image: (7, f"no {image}", ()))
    monkeypatch.setattr(pristine, "scan_modules", lambda image, more: (9, f"{image} {more}", ()))
    return parts


def test_a_clean_kernel(kernel: list[dict[str, Any]]) -> None:
    first, second, text, modules = integrity.scan(image="image")
    assert (first.name, first.number, first.parts, first.checked, first.why) == ("syscalls", 0, 4, 449, "")
    assert (second.name, second.number, second.why) == ("modules", 1, "half blind")
    assert first.findings == second.findings == text.findings == ()
    assert (text.name, text.number, text.parts, text.checked, text.why) == ("text", 2, 4, 7, "no image")
    assert modules == integrity.Part("module_text", 3, 4, 9, "image ()", ())
    del kernel


def test_findings(kernel: list[dict[str, Any]]) -> None:
    kernel[0] = {**CLEAN, "findings": [SLOT]}
    first = next(integrity.scan())
    assert first.findings == (Finding(SLOT["where"], SLOT["what"], Place("f", 0, "evil", False), 701),)
    assert str(first.findings[0]).endswith(
        "sys_call_table[39]: the slot has no function of a system call: f [evil]"
    )


def test_what_user_space_is_shown(kernel: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    kernel[1] = {**MODULES, "seen": ["ext4"]}
    missed = Finding("module ext4", "it hides", None, 702)

    def compare(view: CrossView) -> Compared:
        assert view._seen("modules") == ("ext4",)
        return Compared(1, (missed,), "half blind")

    monkeypatch.setattr(integrity, "_COMPARED", {"shown": ("modules", compare), "other": ("files", compare)})
    first, second, shown, other = integrity.scan(whole=False)
    assert (first.parts, second.parts, second.seen) == (4, 4, ("ext4",))
    assert shown == integrity.Part("shown", 2, 4, 1, "half blind", (missed,))
    assert other == integrity.Part("other", 3, 4, 0, "this driver does not tell what there is", ())


def test_no_parts_is_an_error(kernel: list[dict[str, Any]]) -> None:
    kernel.clear()
    with pytest.raises(DriverError):
        next(integrity.scan())


def test_other_errors_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*_: Any) -> None:
        raise DriverError("ioctl INSPECT", errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(integrity, "look", look)
    with pytest.raises(DriverError):
        next(integrity.scan())


@pytest.mark.parametrize("damage", [{"findings": 1}, {"findings": [{}]}, {"part": ...}])
def test_damaged(damage: dict[str, Any]) -> None:
    damaged = {name: value for name, value in {**CLEAN, **damage}.items() if value is not ...}
    with pytest.raises(BadInspection):
        integrity.Part.parse(damaged, 0)


def test_command(kernel: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["scan", "--modules", "a.ko"]) == 0
    out, err = capsys.readouterr()
    assert out == (
        "syscalls     449 checked, nothing found\nmodules      61 checked, nothing found; half blind\n"
        "text         7 checked, nothing found; no None\n"
        "module_text  9 checked, nothing found; None [PosixPath('a.ko')]\n"
    )
    assert err == ""
    kernel[:] = [{**CLEAN, "findings": [SLOT]}, {**MODULES, "findings": [MODULE]}]
    assert cli.main(["scan"]) == 3
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "syscalls     449 checked, 1 FINDING",
        "  sys_call_table[39]: the slot has no function of a system call: f [evil]",
        "modules      61 checked, 1 FINDING; half blind",
        "  module evil\\e: a module hides",
        "text         7 checked, nothing found; no None",
        "module_text  9 checked, nothing found; None ()",
    ]
    assert cli.main(["scan", "--json"]) == 3
    parts = json.loads(capsys.readouterr().out)["parts"]
    assert [part["findings"][0]["event"] for part in parts[:2]] == [701, 702]


def test_progress_on_a_terminal(
    kernel: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert cli.main(["scan"]) == 0
    err = capsys.readouterr().err
    assert "1 of 4" in err
    assert "4 of 4" in err
    assert err.endswith("\r\x1b[K")
    del kernel
