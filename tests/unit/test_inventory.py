# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import errno
import json
from typing import Any

import pytest

from ksonde import cli, inventory
from ksonde.cli.inventory import complete_kind
from ksonde.errors import BadInspection, DriverError


def place(symbol: str, module: str = "", *, kernel: bool = True) -> dict[str, Any]:
    return {"symbol": symbol, "offset": 0, "module": module, "kernel": kernel}


def entry(name: str, function: dict[str, Any] | None, *at: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {"name": name, "detail": "", "at": list(at), "owner": "known", "function": function, **other}


KPROBES: dict[str, Any] = {
    "inspect": 1,
    "part": "kprobes",
    "parts": 2,
    "whole": True,
    "why": "",
    "entries": [
        entry("", place("pre", "other", kernel=False), place("vfs_read"), detail="kprobe disabled"),
        entry("", None, place("vfs_write"), owner="unknown"),
        entry("", place("kprobe_hit", "ksonde", kernel=False), place("vfs_open")),
    ],
}
NOTIFIERS: dict[str, Any] = {
    **KPROBES,
    "part": "notifiers",
    "whole": False,
    "why": "half blind\x1b",
    "entries": [entry("die_chain", place("kprobe_exceptions_notify"))],
}
LOST = entry("reboot_list", place("", kernel=False), owner="nobody")


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The kinds that the driver will answer with."""
    kinds = [KPROBES, NOTIFIERS]

    def look(_what: Any, part: int) -> dict[str, Any]:
        if part >= len(kinds):
            raise DriverError("ioctl INSPECT", errno.ENOENT, "No such file or directory")
        return kinds[part]

    monkeypatch.setattr(inventory, "look", look)
    return kinds


def test_kinds(kernel: list[dict[str, Any]]) -> None:
    first, second = inventory.inventory()
    assert (first.name, first.number, first.parts, first.whole, first.why) == ("kprobes", 0, 2, True, "")
    assert (second.name, second.number, second.whole, second.why) == ("notifiers", 1, False, "half blind\x1b")
    assert [one.own for one in first.entries] == [False, False, True]
    assert [one.where() for one in first.entries] == ["vfs_read", "vfs_write", "vfs_open"]
    assert second.entries[0].where() == "die_chain"
    del kernel


@pytest.mark.parametrize("kinds", [[], None])
def test_errors(kinds: list[Any] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*_: Any) -> None:
        raise DriverError("ioctl INSPECT", errno.ENOMEM if kinds is None else errno.ENOENT, "no")

    monkeypatch.setattr(inventory, "look", look)
    with pytest.raises(DriverError):
        next(inventory.inventory())


@pytest.mark.parametrize(
    "damage", [{"entries": 1}, {"entries": [{}]}, {"entries": [entry("", None, owner="me")]}, {"part": ...}]
)
def test_damaged(damage: dict[str, Any]) -> None:
    damaged = {name: value for name, value in {**KPROBES, **damage}.items() if value is not ...}
    with pytest.raises(BadInspection):
        inventory.Kind.parse(damaged, 0)


def test_command(kernel: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inventory"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines() == [
        "kprobes: 3 callbacks",
        "├─ vfs_read   pre [other]  (kprobe disabled)",
        "├─ vfs_write  calls nobody  OWNER UNKNOWN",
        "└─ vfs_open   kprobe_hit [ksonde]  *ksonde*",
        "",
        "notifiers: 1 callback (not all)",
        "   note: half blind\\e",
        "└─ die_chain  kprobe_exceptions_notify",
    ]
    del kernel


def test_what_nobody_owns(kernel: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    kernel[1] = {**NOTIFIERS, "whole": True, "why": "", "entries": [*NOTIFIERS["entries"], LOST]}
    assert cli.main(["inventory", "--unowned"]) == 3
    assert capsys.readouterr().out.splitlines() == [
        "kprobes: 3 callbacks",
        "",
        "notifiers: 2 callbacks, 1 of nobody",
        "└─ reboot_list  an address [no owner]  NO OWNER",
    ]
    assert cli.main(["inventory", "--json", "--unowned"]) == 3
    kinds = json.loads(capsys.readouterr().out)["kinds"]
    assert [[one["name"] for one in kind["entries"]] for kind in kinds] == [[], ["reboot_list"]]


def test_some_kinds(kernel: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    kernel[1] = {**NOTIFIERS, "entries": [LOST]}
    assert cli.main(["inventory", "--json", "--kind", "kprobes"]) == 0
    (kind,) = json.loads(capsys.readouterr().out)["kinds"]
    assert [one["own"] for one in kind["entries"]] == [False, False, True]
    assert cli.main(["inventory", "-k", "kprobes,notifiers"]) == 3
    capsys.readouterr()
    assert cli.main(["inventory", "-k", "nonsense"]) == 1
    err = capsys.readouterr().err
    assert err == "ksonde: there is no kind 'nonsense'; kinds are kprobes, notifiers\n"


def test_completion() -> None:
    assert complete_kind("n") == ["netfilter", "notifiers"]
