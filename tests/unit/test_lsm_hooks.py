# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional

import pytest

from ksonde import cli
from ksonde import lsm_hooks as lsm
from ksonde.errors import BadInspection

LSMS = ("capability", "apparmor", "bpf")


def place(
    symbol: str, module: str = "", *, kernel: bool = True, address: str = "0xffffffff81000000"
) -> dict[str, Any]:
    return {"symbol": symbol, "offset": 0, "module": module, "kernel": kernel, "address": address}


def callback(name: str, symbol: str, slot: int = 0, **other: Any) -> dict[str, Any]:
    return {"slot": slot, "lsm": name, "function": place(symbol), **other}


def hook(name: str, *callbacks: dict[str, Any], **other: Any) -> dict[str, Any]:
    functions = [f"security_{name}"]
    return {
        "hook": name,
        "functions": functions,
        "callbacks": callbacks,
        "whole": True,
        "agree": True,
        **other,
    }


def answer(*hooks: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {
        "inspect": 1,
        "addresses": True,
        "kind": "lists",
        "by_symbol": {"found": True, "why": "", "table": "security_hook_heads"},
        "by_code": {"found": True, "why": "", "read": 300, "partly": 0, "address": "0xffffffff82000000"},
        "hooks": list(hooks),
        **other,
    }


CLEAN = answer(
    hook("capable", callback("capability", "cap_capable"), callback("apparmor", "apparmor_capable", 1)),
    hook("quotactl"),
)
FOREIGN = answer(
    hook("capable", callback("apparmor", "f", function=place("f", "evil", kernel=False))),
)


def findings(*hooks: dict[str, Any], lsms: Optional[tuple[str, ...]] = LSMS) -> list[tuple[str, str, str]]:
    found = lsm.Hooks.parse(answer(*hooks)).findings(lsms)
    return [(finding.where, finding.what, str(finding.place)) for finding in found]


def test_a_clean_kernel() -> None:
    hooks = lsm.Hooks.parse(CLEAN)
    assert hooks.findings(LSMS) == hooks.findings(None) == []
    assert hooks.notes() == []
    assert hooks.answered


def test_a_callback_of_a_module() -> None:
    assert findings(*FOREIGN["hooks"]) == [
        ("capable", "a callback of module evil, which is no LSM of the kernel", "f [evil]")
    ]


def test_a_callback_of_nobody() -> None:
    nobody = callback("bpf", "", function=place("", kernel=False))
    ((_, what, shown),) = findings(hook("capable", nobody))
    assert what == "a callback that nobody owns, which is no LSM of the kernel"
    assert shown == "0xffffffff81000000 [no owner]"


@pytest.mark.parametrize(("name", "says"), [("smack", "of an LSM 'smack'"), ("", "of no LSM")])
def test_a_callback_of_an_lsm_that_did_not_boot(name: str, says: str) -> None:
    ((_, what, shown),) = findings(hook("capable", callback(name, "smack_capable")))
    assert says in what
    assert "capability, apparmor, bpf" in what
    assert shown == "smack_capable"
    assert findings(hook("capable", callback(name, "smack_capable")), lsms=None) == []


def test_something_else_is_called() -> None:
    called = callback("bpf", "bpf_lsm_capable", called=place("f", "evil", kernel=False))
    assert findings(hook("capable", called, agree=False)) == [
        ("capable", "in place of bpf_lsm_capable something else would be called", "f [evil]")
    ]


def test_the_code_calls_something_else() -> None:
    called = callback("bpf", "bpf_lsm_capable", code_calls=[place("f", "evil", kernel=False)])
    assert findings(hook("capable", called, agree=False)) == [
        ("capable", "in place of bpf_lsm_capable the code calls something else", "f [evil]")
    ]


def test_the_ways_differ() -> None:
    ((_, what, _),) = findings(hook("capable", agree=False))
    assert what == "the kernel's table and its code do not say the same"
    assert findings(hook("capable", agree=None)) == []


def test_a_list_without_an_end() -> None:
    ((_, what, _),) = findings(hook("capable", whole=False))
    assert "cannot be followed" in what


def test_notes_say_what_could_not_be_found_out() -> None:
    hooks = lsm.Hooks.parse(
        answer(
            by_symbol={"found": False, "why": "the table has no symbol in this kernel"},
            by_code={"found": True, "why": "", "read": 300, "partly": 2, "address": "0x1"},
        )
    )
    assert hooks.answered
    assert hooks.notes() == [
        "not found by symbol: the table has no symbol in this kernel",
        "the code of 2 of 300 places was not understood whole",
    ]


@pytest.mark.parametrize("broken", [{"hooks": 1}, {"hooks": [{}]}, {"by_symbol": None}, {"kind": ...}])
def test_damaged(broken: dict[str, Any]) -> None:
    damaged = {**CLEAN, **broken}
    if damaged["kind"] is ...:
        del damaged["kind"]
    with pytest.raises(BadInspection):
        lsm.Hooks.parse(damaged)


def test_tree() -> None:
    lines = list(lsm.tree(lsm.Hooks.parse(CLEAN), LSMS))
    assert lines[0] == ("2 LSM hooks (lists), 1 with 2 callbacks; booted with capability, apparmor, bpf")
    assert lines[3:] == ["capable", "├─ capability  cap_capable", "└─ apparmor    apparmor_capable"]
    lines = list(lsm.tree(lsm.Hooks.parse(CLEAN), None, ["quotactl"]))
    assert "unknown LSMs" in lines[0]
    assert lines[3:] == ["quotactl", "└─ nobody"]


def test_tree_of_a_kernel_that_is_not_clean() -> None:
    evil = place("f\x1b[2J", "evil", kernel=False)
    found = answer(
        hook("capable", callback("bpf", "bpf_capable", called=evil, code_calls=[evil]), agree=False)
    )
    lines = list(lsm.tree(lsm.Hooks.parse(found), LSMS))
    assert lines[3] == "capable  DISAGREE"
    assert "with BPF programs" not in lines[4]
    attached = answer(hook("capable", {**callback("bpf", "bpf_lsm_capable"), "program": True}))
    assert list(lsm.tree(lsm.Hooks.parse(attached), LSMS))[4] == "└─ bpf  bpf_lsm_capable  with BPF programs"
    assert lines[4] == "└─ bpf  bpf_capable  CALLS f\\e[2J [evil]  CODE CALLS f\\e[2J [evil]"


def test_booted(tmp_path: Path) -> None:
    file = tmp_path / "lsm"
    assert lsm.booted(file) is None
    file.write_text("capability,yama")
    assert lsm.booted(file) == ("capability", "yama")
    file.write_text("")
    assert lsm.booted(file) is None


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What the driver will find."""
    found = dict(CLEAN)
    monkeypatch.setattr("ksonde.inspection.look", lambda _what: found)
    monkeypatch.setattr(lsm, "BOOTED", tmp_path / "lsm")
    return found


def test_command(kernel: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lsm"]) == 0
    out, err = capsys.readouterr()
    assert "└─ apparmor    apparmor_capable" in out
    assert err == ""
    assert cli.main(["lsm", "--json", "quotactl"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [hook["name"] for hook in shown["hooks"]] == ["quotactl"]
    assert (shown["findings"], shown["booted"]) == ([], None)
    assert cli.main(["lsm", "nohook"]) == 1
    assert "no LSM hook 'nohook'" in capsys.readouterr().err
    kernel.update(FOREIGN)
    assert cli.main(["lsm"]) == 3
    out, err = capsys.readouterr()
    assert "f [evil]" in out
    assert "1 finding:\n  capable: a callback of module evil" in err
    assert cli.main(["lsm", "--json"]) == 3
    assert len(json.loads(capsys.readouterr().out)["findings"]) == 1


def test_command_where_nothing_is_known(kernel: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    why = "the names of this kernel's hooks are not known"
    nothing = {"found": False, "why": why}
    kernel.update(by_symbol=nothing, by_code={**nothing, "read": 0, "partly": 0}, hooks=[], kind="none")
    assert cli.main(["lsm"]) == 1
    assert why in capsys.readouterr().err


def test_command_where_one_way_is_known(kernel: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    kernel["by_code"] = {
        "found": False,
        "why": "decode: not built for this architecture",
        "read": 0,
        "partly": 0,
    }
    assert cli.main(["lsm"]) == 0
    assert capsys.readouterr().err == "note: not found by code: decode: not built for this architecture\n"
