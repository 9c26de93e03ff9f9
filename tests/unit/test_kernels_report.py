# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ksonde_tools.common import ToolError
from ksonde_tools.kernel import Kernel
from ksonde_tools.kernels import __main__ as command
from ksonde_tools.kernels import boot, build, fetch, report, run
from ksonde_tools.kernels.rows import ROWS, Row

ONE = Row("amd64-1", "amd64", "1", "amd64", ("stable",))
TWO = Row("amd64-2", "amd64", "2", "amd64", ("stable",))


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in (report, command):
        monkeypatch.setattr(module, "ROWS", (ONE, TWO))
    monkeypatch.setattr(report, "PATH", tmp_path / "kernels.md")
    monkeypatch.setattr(run, "results_dir", lambda: tmp_path)
    monkeypatch.setattr(run, "sources", lambda _row: "now")


def _event(verdict: str, *why: str, mechanism: str = "kprobe") -> dict[str, Any]:
    return {"verdict": verdict, "why": list(why), "mechanisms": [mechanism, "none"], "checked": 1}


def _result(row: str = "amd64-1", **more: Any) -> dict[str, Any]:
    return {
        "row": row, "arch": "amd64", "sources": "now", "date": "2026-11-24", "state": "passed", "why": "",
        "seconds": 61.5, "version": f"{row}.0", "compiler": "gcc-12",
        "build": {"seconds": 20.0, "cached": False, "size": 4096000},
        "boot": {"seconds": 41.5, "ended": True},
        "load": {"errno": 0, "ns": 5_000_000, "bytes": 110592}, "unload": {"errno": 0, "ns": 7_000_000},
        "times_ns": {"arm": [300_000_000], "disarm": [1_000_000]},
        "events": {"exit": _event("ok", mechanism="tracepoint")}, **more,
    }  # fmt: skip


def _line(page: str, begin: str) -> str:
    return next(line for line in page.splitlines() if line.startswith(begin))


def test_what_did_not_run_is_never_green() -> None:
    page = report.render()
    assert "✔" not in page.split("not run.", 1)[1].split("## What is not plain")[0]
    assert "- **amd64-2**: not run" in page


def test_what_passed() -> None:
    run.keep(_result())
    page = report.render()
    assert "| amd64-1 | amd64-1.0 | ✔ | ✔ |" in page
    assert "| amd64-1 | ✔ tracepoint |" in page
    assert "| amd64-1 | gcc-12 | 61.5 | 20.0 | 41.5 | 5 | 300 | 1 | 7 | 108 | 4000 |" in page


def test_a_second_boot_is_told() -> None:
    run.keep(_result(boot={"seconds": 1.0, "ended": True, "died_early": "Kernel panic"}))
    assert "| amd64-1 | amd64-1.0 | ✔ | ✔ (2nd boot) |" in report.render()


def test_a_degraded_cell_says_what_hindered() -> None:
    why = (
        "update_cred: ftrace commit_creds: this kernel was built without it (-95); kprobe commit_creds: taken"
    )
    run.keep(_result(events={"update_cred": _event("degraded", why)}))
    assert "| ◐ kprobe; no ftrace commit_creds: this kernel was built without it (-95) |" in report.render()


@pytest.mark.parametrize(("verdict", "mark"), [("failed", "✘"), ("armed", "○"), ("lacking", "◌")])
def test_other_cells(verdict: str, mark: str) -> None:
    run.keep(_result(events={"exit": _event(verdict)}))
    assert f"| amd64-1 | {mark} kprobe |" in report.render()


def test_a_cell_of_what_a_kernel_lacks_says_why() -> None:
    why = "usb_device: notifier usb: this kernel was built without it (-95)"
    run.keep(_result(events={"usb_device": _event("lacking", why, mechanism="none")}))
    page = report.render()
    assert "| ◌; no notifier usb: this kernel was built without it (-95) |" in page
    assert f"- **amd64-1**, usb_device: {why}" in page


def test_what_failed_or_was_only_built() -> None:
    run.keep(_result(state="failed", why="exit: code is 8 | not <7>"))
    run.keep({key: value for key, value in _result("amd64-2", state="built").items() if key != "events"})
    page = report.render()
    assert "| amd64-1 | amd64-1.0 | ✔ | ✘ |" in page
    assert "| amd64-2 | amd64-2.0 | ✔ | - |" in page
    assert "- **amd64-1**: failed: exit: code is 8 / not &lt;7>" in page
    assert "- **amd64-2**: built, not booted" in page


def test_results_of_other_sources_are_said() -> None:
    run.keep(_result(sources="then"))
    assert "- **amd64-1**: of 2026-11-24, with other sources than these" in report.render()


def test_trees_are_apart() -> None:
    run.keep(_result("kdir-5.4.1"))
    head, _, tail = report.render().partition("## Other trees")
    assert "5.4.1" not in head
    assert "| 5.4.1 | kdir-5.4.1.0 | ✔ | ✔ |" in tail


def test_many_events_are_in_several_tables() -> None:
    run.keep(_result(events={f"event{number}": _event("ok") for number in range(20)}))
    heads = [line for line in report.render().splitlines() if line.startswith("| kernel | event")]
    assert [line.count("event") for line in heads] == [7, 7, 6]


def test_faults_are_told() -> None:
    faults = {
        "start": {"tried": 101, "refused": 90, "errno": 12, "whole": 1, "ns": 1},
        "random": {"tried": 30, "refused": 4, "killed": 7},
    }
    run.keep(_result(faults=faults))
    page = report.render()
    assert "start: 100 places that can fail, one by one, all of them; 90 calls refused" in page
    assert "at random: 4 of 30 sessions did not start, 7 processes were killed" in page


def test_no_place_of_this_machine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "cache_dir", lambda: Path("/some/cache"))
    assert report._plain("/some/cache/kernels/x.h:1: error") == "kernels/x.h:1: error"


def _states(monkeypatch: pytest.MonkeyPatch, **states: str) -> list[str]:
    ran: list[str] = []

    def one(row: Row, *, quick: bool, newest: bool) -> dict[str, Any]:
        assert not quick
        assert not newest
        ran.append(row.name)
        result = _result(row.name, state=states[row.name.replace("-", "_")])
        run.keep(result)
        return result

    monkeypatch.setattr(run, "run", one)
    return ran


@pytest.mark.parametrize(("two", "code"), [("passed", 0), ("failed", 1), ("not run", 1), ("built", 1)])
def test_the_exit_code_is_of_all_rows(monkeypatch: pytest.MonkeyPatch, two: str, code: int) -> None:
    _states(monkeypatch, amd64_1="passed", amd64_2=two)
    assert command.main(["run", "--jobs", "2"]) == code
    assert "| amd64-1 | amd64-1.0 | ✔ | ✔ |" in report.PATH.read_text()


def test_what_has_passed_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = _states(monkeypatch, amd64_1="passed", amd64_2="passed")
    run.keep(_result("amd64-1"))
    run.keep(_result("amd64-2", sources="then"))
    assert command.main(["run"]) == 0
    assert ran == ["amd64-2"]
    assert command.main(["run", "--again"]) == 0
    assert ran == ["amd64-2", "amd64-1", "amd64-2"]


def test_only_some(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = _states(monkeypatch, amd64_1="passed", amd64_2="passed")
    assert command.main(["run", "--only", "*-2"]) == 0
    assert ran == ["amd64-2"]
    assert not report.PATH.exists(), "the page is of all rows"
    assert command.main(["report"]) == 0
    assert report.PATH.exists()
    with pytest.raises(ToolError, match="no row is called arm"):
        command.main(["run", "--only", "*-1", "--only", "arm"])


def test_words_for_a_tree_need_one() -> None:
    with pytest.raises(ToolError, match="--kdir"):
        command.main(["run", "--image", "bzImage"])


def test_what_cannot_be_fetched_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_row: Row, *, again: bool) -> fetch.Fetched:
        raise ToolError(f"no mirror {again}", "try later")

    monkeypatch.setattr(fetch, "fetch", none)
    result = run.run(ONE)
    assert (result["state"], result["why"]) == ("not run", "no mirror False (try later)")
    assert run.last(ONE) == json.loads(json.dumps(result))


def test_what_does_not_build_has_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kernel = Kernel("1.0", tmp_path, tmp_path, tmp_path)
    monkeypatch.setattr(fetch, "fetch", lambda _row, again: fetch.Fetched(kernel, f"stable{again}"))

    def none(_row: Row, _kernel: Kernel) -> build.Built:
        raise ToolError("does not build")

    monkeypatch.setattr(build, "build", none)
    result = run.run(ONE)
    assert (result["state"], result["why"], result["version"]) == ("failed", "does not build", "1.0")


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ("", "the machine ended before the test did; the module was not loaded: None"),
        ('ksonde-smoke: load {"errno": 12, "ns": 1}\nksonde-smoke: end\n', "was not loaded: {'errno': 12"),
        ('ksonde-smoke: load {"errno": 0, "ns": 1}\nksonde-smoke: end\n', "was not unloaded: None"),
        ("ksonde-smoke: died START: Out of memory\n", "died START: Out of memory"),
        ("WARNING: CPU: 0 PID: 1 at kernel/x.c:1\nksonde-smoke: end\n", "WARNING: CPU: 0 PID: 1"),
    ],
)
def test_a_guest_that_does_not_end_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: str, why: str
) -> None:
    boots = []

    def booted(row: Row, _image: Path, _built: build.Built, file: Path) -> boot.Boot:
        boots.append(file.write_text(log))
        ended = "end\n" in log
        return boot.Boot(log, row.timeout, ended, "" if ended else "the machine ended before the test did")

    monkeypatch.setattr(boot, "boot", booted)
    kernel = Kernel("1.0", tmp_path, tmp_path, tmp_path)
    result: dict[str, Any] = {}
    run._boot(ONE, kernel, build.Built(tmp_path, tmp_path, tmp_path, tmp_path, None, []), result)
    assert result["state"] == "failed"
    assert why in result["why"]
    # Only one that the module cannot have touched gets another try.
    assert len(boots) == (1 if "ksonde-smoke: " in log else 2)


@pytest.mark.parametrize(("row", "said"), [("amd64-1", True), ("kdir-1", False)])
def test_each_event_of_a_row_has_an_act(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, row: str, said: bool
) -> None:
    """A tree that somebody gave may lack what an act needs."""

    def booted(_row: Row, _image: Path, _built: build.Built, file: Path) -> boot.Boot:
        file.write_text("")
        return boot.Boot("ksonde-smoke: end\n", 1.0, True)

    monkeypatch.setattr(boot, "boot", booted)
    monkeypatch.setattr(run, "_events", lambda _checker: {"exit": _event("armed")})
    result: dict[str, Any] = {}
    kernel = Kernel("1.0", tmp_path, tmp_path, tmp_path)
    built = build.Built(tmp_path, tmp_path, tmp_path, tmp_path, None, [])
    run._boot(Row(row, "amd64", "1", "amd64", ("stable",)), kernel, built, result)
    assert ("exit: no act was for it" in result["why"]) == said


def test_the_list_knows_every_row() -> None:
    assert {row.arch for row in ROWS} == {"amd64", "arm64", "riscv64"}
