# SPDX-License-Identifier: GPL-2.0-only
"""One row: fetch, build, boot, compare; the outcome is a JSON file in the cache."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from ksonde_tools import kernel, machine, module
from ksonde_tools.common import ROOT, ToolError, cache_dir, say

from . import boot, build, fetch, smoke
from .rows import Row

_TIMEOUT = {"amd64": 240.0, "arm64": 420.0, "riscv64": 420.0}

Result = dict[str, Any]


def results_dir() -> Path:
    """Return where the outcomes are kept."""
    path = cache_dir() / "kernels" / "results"
    path.mkdir(parents=True, exist_ok=True)
    return path


def sources() -> str:
    """Return what tells one state of the driver and of its smoke test from another."""
    digest = hashlib.sha256()
    for top in (*module.DRIVER, "tools/guest/smoke", "tools/ksonde_tools/kernels/smoke.py"):
        base = ROOT / top
        for path in sorted(base.rglob("*")) if base.is_dir() else [base]:
            if path.is_file() and path.suffix in {".c", ".h", ".def", ".py", ""} and "__" not in path.name:
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def last(row: Row) -> Result | None:
    """Return the outcome of the last run, None when there was none."""
    file = results_dir() / f"{row.name}.json"
    return json.loads(file.read_text()) if file.exists() else None


def run(row: Row, *, quick: bool = False) -> Result:
    """Run one row and keep its outcome; `quick`: build only."""
    result: Result = {
        "row": row.name,
        "arch": row.arch,
        "sources": sources(),
        "date": time.strftime("%Y-%m-%d"),
        "state": "not run",
        "why": "",
    }
    began = time.monotonic()
    try:
        _run(row, result, quick)
    except ToolError as error:
        result["why"] = str(error)
    except Exception as error:  # noqa: BLE001 - one row must not end the others
        result["why"] = repr(error)
    result["seconds"] = round(time.monotonic() - began, 1)
    keep(result)
    return result


def keep(result: Result) -> None:
    file = results_dir() / f"{result['row']}.json"
    file.write_text(json.dumps(result, indent=1, ensure_ascii=True) + "\n")


def _run(row: Row, result: Result, quick: bool) -> None:
    found = fetch.fetch(row)
    result.update(version=found.kernel.version, suite=found.suite, compiler=row.compiler)
    equipped = build.equip(row, found.kernel)
    result["state"] = "failed"
    say(f"{row.name}: building for {found.kernel.version}")
    began = time.monotonic()
    built = build.build(row, equipped)
    result["build"] = {"seconds": round(time.monotonic() - began, 1), "size": built.driver.stat().st_size}
    result["state"] = "built"
    if not quick:
        say(f"{row.name}: booting")
        _boot(row, equipped, built, result)


def _boot(row: Row, target: kernel.Kernel, built: build.Built, result: Result) -> None:
    log = results_dir() / f"{row.name}.log"
    result["state"] = "failed"
    done = boot.boot(row, target.image, built, log, _TIMEOUT[row.arch])
    said = smoke.parse(done.log)
    checker = smoke.Checker(said)
    checker.run()
    bad = machine.bad_lines(log)
    died = [note for note in said.notes if note.startswith("died")]
    result["boot"] = {"seconds": round(done.seconds, 1), "ended": done.ended}
    result["times_ns"] = said.times
    result.update(said.facts)
    result["notes"] = said.notes
    result["log"] = bad[:20]
    result["hooks"] = checker.hooks
    result["events"] = _events(checker, result["hooks"])
    problems = [done.why, *died, *bad[:1]]
    load, unload = said.facts.get("load"), said.facts.get("unload")
    if load is None or load["errno"]:
        problems.append(f"the module was not loaded: {load}")
    elif unload is None or unload["errno"]:
        problems.append(f"the module was not unloaded: {unload}")
    problems += [f"{event}: {why[0]}" for event, why in checker.wrong.items()]
    result["why"] = "; ".join(problem for problem in problems if problem)
    result["state"] = "failed" if result["why"] else "passed"


def _events(checker: smoke.Checker, hooks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return each event's verdict: ok, degraded (by a later candidate), failed, not run."""
    found: dict[str, dict[str, Any]] = {}
    for number, name in checker.events.items():
        mine = [hook for hook in hooks if hook["event"] == number]
        verdict = "ok"
        why: list[str] = []
        for hook in mine:
            if hook["state"] == "unavailable":
                verdict, why = "failed", [*why, f"{hook['name']}: {'; '.join(hook['detail'])}"]
            elif hook["state"] != "armed" and verdict == "ok":
                verdict, why = "degraded", [*why, f"{hook['name']}: {'; '.join(hook['detail'])}"]
        if name in checker.wrong:
            verdict, why = "failed", checker.wrong[name] + why
        elif not checker.checked.get(name):
            verdict = "not run"
        found[name] = {
            "verdict": verdict,
            "why": why,
            "mechanisms": [hook["mechanism"] for hook in mine],
            "checked": checker.checked.get(name, 0),
        }
    return found
