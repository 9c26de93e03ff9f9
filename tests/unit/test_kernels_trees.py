# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from fakes import tree
from ksonde_tools import module
from ksonde_tools.common import ToolError
from ksonde_tools.kernel import Kernel
from ksonde_tools.kernels import report, run, trees
from ksonde_tools.kernels.trees import Tree

OLD = Tree("tree-4.1", "amd64", "4.1", "", (), origin="somebody", quiet=("-Wno-old",))
RESULT: dict[str, Any] = {
    "row": OLD.name, "arch": "amd64", "sources": "now", "date": "2026-11-24", "state": "passed", "why": "",
    "seconds": 1.0, "version": "4.1.9", "compiler": "gcc-12",
    "build": {"seconds": 1.0, "cached": False, "size": 1024}, "events": {},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(trees, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(trees, "need", lambda _package, _there: None)
    monkeypatch.setattr(run, "results_dir", lambda: tmp_path)
    monkeypatch.setattr(run, "sources", lambda _row: "now")
    monkeypatch.setattr(report, "sources", lambda _row: "now")
    monkeypatch.setattr(report, "TREES", (OLD,))
    monkeypatch.setattr(report, "ROWS", ())


@pytest.fixture(name="made")
def _made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """What make was told; it makes a kernel."""
    made: list[list[str]] = []

    def fake(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        made.append(command)
        tree(tmp_path / "trees/4.1.build", {"include/config/kernel.release": "4.1.9\n"})
        return subprocess.CompletedProcess(command, 0)

    tree(tmp_path / "trees/4.1", {"Makefile": "VERSION = 4\n"})
    monkeypatch.setattr(subprocess, "run", fake)
    return made


def _outcome() -> str:
    return next(line for line in report.render().splitlines() if line.startswith("| tree-4.1 |"))


def test_without_sources_it_is_not_run() -> None:
    with pytest.raises(ToolError, match=r"there are no sources of kernel 4\.1"):
        trees.kernel(OLD)
    result = run.run(OLD)
    assert (result["state"], "put them into trees/4.1 of the cache" in result["why"]) == ("not run", True)


def test_an_earlier_outcome_counts_while_the_sources_are_there(tmp_path: Path) -> None:
    run.keep(RESULT)
    assert _outcome() == "| tree-4.1 | - | somebody | - | not run |"
    tree(tmp_path / "trees/4.1", {"Makefile": ""})
    assert _outcome() == "| tree-4.1 | 4.1.9 | somebody | gcc-12 | booted |"


def test_what_built_and_did_not_boot_is_compiled(tmp_path: Path) -> None:
    tree(tmp_path / "trees/4.1", {"Makefile": ""})
    run.keep({**RESULT, "state": "failed", "why": "the machine ended before the test did"})
    assert _outcome() == "| tree-4.1 | 4.1.9 | somebody | gcc-12 | compiled |"
    assert "- **tree-4.1**: failed: the machine ended before the test did" in report.render()
    run.keep({key: value for key, value in RESULT.items() if key != "build"})
    assert _outcome().endswith("| not run |")


def test_it_is_built_once(made: list[list[str]], tmp_path: Path) -> None:
    kernel = trees.kernel(OLD)
    assert (kernel.version, kernel.build) == ("4.1.9", tmp_path / "trees/4.1.build")
    assert kernel.image == tmp_path / "trees/4.1.build/arch/x86/boot/bzImage"
    assert [command[-1] for command in made] == ["alldefconfig", "modules"]
    assert trees.kernel(OLD) == kernel
    assert len(made) == 2


def test_other_options_build_it_again(
    made: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trees.kernel(OLD)
    (tmp_path / "other.config").write_text("CONFIG_SMP=n\n")
    monkeypatch.setattr(trees, "_OPTIONS", tmp_path / "other.config")
    trees.kernel(OLD)
    assert len(made) == 4


def test_what_does_not_build_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails(command: list[str], stdout: Any, **_: Any) -> subprocess.CompletedProcess[bytes]:
        stdout.write(b"  CC x.o\nx.c:1: error: no such thing\n")
        stdout.flush()
        return subprocess.CompletedProcess(command, 2)

    tree(tmp_path / "trees/4.1", {"Makefile": ""})
    monkeypatch.setattr(subprocess, "run", fails)
    with pytest.raises(ToolError, match=r"kernel 4\.1 does not build: x\.c:1: error: no such thing"):
        trees.kernel(OLD)
    assert run.run(OLD)["state"] == "not run"


def test_warnings_of_its_own_headers_are_no_errors(made: list[list[str]], tmp_path: Path) -> None:
    kernel = Kernel("4.1.9", tmp_path, tmp_path, tmp_path, quiet=("-Wno-old", "-Wno-other"))
    module._make(kernel, tmp_path, "driver", ("W=1", "KCFLAGS=-Werror"))
    assert made[-1][-2:] == ["W=1", "KCFLAGS=-Werror -Wno-old -Wno-other"]
