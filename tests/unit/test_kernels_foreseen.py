# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakes import tree
from ksonde.symbols import Symbols
from ksonde_tools.kernel import Kernel
from ksonde_tools.kernels import foreseen
from ksonde_tools.kernels.rows import Row
from test_hooktable import SOURCE, compiled

ROW = Row("amd64-6.1", "amd64", "6.1", "gcc-12", ())
NAMES = [f"function_{i}" for i in range(1200)] + ["__sys_connect_file", "__tracepoint_sys_exit"]
HOOKS: list[dict[str, Any]] = [
    {"name": "connect", "state": "armed", "mechanism": "kretprobe", "target": "__sys_connect_file"},
    {"name": "execve_failed", "state": "unavailable", "mechanism": "none", "target": ""},
]


@pytest.fixture(name="target")
def _target(tmp_path: Path) -> Kernel:
    options = ("KPROBES", "KRETPROBES", "KALLSYMS", "TRACEPOINTS", "FUNCTION_TRACER")
    config = "".join(f"CONFIG_{name}=y\n" for name in options)
    system_map = "".join(f"0 T {name}\n" for name in NAMES)
    build = tree(tmp_path / "build", {".config": config, "System.map": system_map})
    image = tree(tmp_path, {"image": "MZ"}) / "image"
    return Kernel("6.1.0", image, tmp_path, build)


def test_what_was_foreseen(target: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = compiled(tmp_path, SOURCE, "-DFORMAT=2", "-mcmodel=kernel")
    assert foreseen.compare(ROW, target, driver, HOOKS) == {"source": "System.map", "wrong": []}
    other = [{**HOOKS[0], "state": "degraded", "mechanism": "ftrace", "target": "security_x"}, HOOKS[1]]
    assert foreseen.compare(ROW, target, driver, other)["wrong"] == [
        "connect: armed kretprobe __sys_connect_file was foreseen, it is degraded ftrace security_x"
    ]
    blind = Symbols("the types in the image", frozenset(NAMES) - {"__sys_connect_file"})
    monkeypatch.setattr(foreseen, "_symbols", lambda _target: blind)
    assert foreseen.compare(ROW, target, driver, HOOKS)["wrong"] == []
    assert len(foreseen.compare(ROW, target, driver, other)["wrong"]) == 1
    monkeypatch.undo()
    assert foreseen.compare(ROW, target, driver, []) == {"source": "", "wrong": []}
    (target.build / "System.map").unlink()
    assert foreseen.compare(ROW, target, driver, other) == {"source": "", "wrong": []}
