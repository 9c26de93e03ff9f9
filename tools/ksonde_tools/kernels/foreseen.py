# SPDX-License-Identifier: GPL-2.0-only
"""What `ksonde preflight` would have said of a row's hooks, held against what they then did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ksonde import hooktable, preflight, symbols
from ksonde.machine import Machine, options_of
from ksonde_tools.kernel import Kernel

from .rows import Row

_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64"}
_IMAGE = "the image"
#: Bytes of struct ksonde_hook_info's target, the last of which is NUL.
_TARGET = 63


def compare(row: Row, target: Kernel, driver: Path, hooks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return where the names were looked for, and what was foreseen wrongly: a sentence a hook."""
    # A guest that died early has told of no hooks.
    found = _symbols(target) if hooks else None
    if found is None:
        return {"source": "", "wrong": []}
    config = options_of((target.build / ".config").read_text())
    table = hooktable.read(driver)
    judge = preflight.Judge(config, found, table, _ARCHITECTURES[row.arch])
    # Types leave functions out: of all of them only that they are there is known for certain.
    lenient = found.source == f"the types in {_IMAGE}"
    wrong = [
        f"{one.name}: {_words(one.state, one.mechanism, one.target)} was foreseen, "
        f"it is {_words(hook['state'], hook['mechanism'], hook['target'])}"
        for one, hook in zip(judge.hooks(), hooks)
        if _fate(one.state, one.mechanism, one.target)
        != _fate(hook["state"], hook["mechanism"], hook["target"])
        and not (lenient and _is_better(hook, one))
    ]
    return {"source": found.source, "wrong": wrong}


def _symbols(target: Kernel) -> symbols.Symbols | None:
    listed = target.build / "System.map"
    text = listed.read_text() if listed.is_file() else None
    return symbols.from_text("System.map", text) or symbols.from_image(
        _IMAGE, target.image.read_bytes(), Machine()
    )


def _fate(state: str, mechanism: str, target: str) -> tuple[str, ...]:
    """Of a hook that cannot be armed only that counts."""
    return (state,) if state == preflight.UNAVAILABLE else (state, mechanism, target[:_TARGET])


def _is_better(hook: dict[str, Any], foreseen: preflight.Prediction) -> bool:
    """Whether a hook has got a candidate of which it was said that there is none."""
    wanted = f"{hook['mechanism']} {hook['target']}"
    return any(
        line.startswith(wanted) and "this kernel has no" in line.partition(": ")[2]
        for line in foreseen.detail
    )


def _words(*words: str) -> str:
    return " ".join(word for word in words if word)
