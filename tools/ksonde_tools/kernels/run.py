# SPDX-License-Identifier: GPL-2.0-only
"""One row: fetch, build, boot, compare; the outcome is a JSON file in the cache."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ksonde import scanner
from ksonde_tools import kernel, machine, module
from ksonde_tools.common import ROOT, ToolError, cache_dir, say

from . import boot, build, fetch, foreseen, kdir, smoke, source, trees
from .rows import KDIR, Row

Result = dict[str, Any]


def results_dir() -> Path:
    """Return where the outcomes are kept."""
    path = cache_dir() / "kernels" / "results"
    path.mkdir(parents=True, exist_ok=True)
    return path


def sources(row: Row) -> str:
    """Return what tells one state of the driver, its smoke test and a row from another."""
    digest = hashlib.sha256(repr(row).encode())
    tops = [*module.DRIVER, "tools/guest/smoke", "tools/ksonde_tools/kernels/smoke.py"]
    tops += [str(build.CRED.relative_to(ROOT)), "tools/ksonde_tools/kernels/boot.py"]
    if row.config:
        digest.update(source.fragment(row).read_bytes())
    for top in tops:
        base = ROOT / top
        for path in sorted(base.rglob("*")) if base.is_dir() else [base]:
            if path.is_file() and path.suffix in {".c", ".h", ".def", ".py", ""} and "__" not in path.name:
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def last(row: Row) -> Result | None:
    """Return the outcome of the last run, None when there was none, or nothing to run it again with."""
    if isinstance(row, trees.Tree) and not trees.is_there(row):
        return None
    file = results_dir() / f"{row.name}.json"
    return json.loads(file.read_text()) if file.exists() else None


def last_trees() -> list[Result]:
    """Return the outcomes of the trees that were given with --kdir."""
    return [json.loads(file.read_text()) for file in sorted(results_dir().glob(f"{KDIR}*.json"))]


def run(row: Row, *, quick: bool = False, newest: bool = False) -> Result:
    """Run one row and keep its outcome; `quick`: build only; `newest`: ask again which kernel is."""

    def get(result: Result) -> kernel.Kernel:
        began = time.monotonic()
        if isinstance(row, trees.Tree):
            target = trees.kernel(row)
            result["fetch"] = {"seconds": round(time.monotonic() - began, 1)}
            result.update(version=target.version, suite=row.origin, compiler=row.compiler)
            return target
        found = fetch.fetch(row, again=newest)
        result["fetch"] = {"seconds": round(time.monotonic() - began, 1)}
        result.update(version=found.kernel.version, suite=found.suite, compiler=row.compiler)
        return build.equip(row, found.kernel)

    return _kept(row, get, quick)


def run_kdir(folder: Path, image: Path | None, words: tuple[str, ...], *, quick: bool = False) -> Result:
    """Run a tree or a headers folder that is in no list; without an image it is only built for."""
    row, target = kdir.resolve(folder, image, words)

    def get(result: Result) -> kernel.Kernel:
        compilers = [word[3:] for word in words if word.startswith("CC=")]
        result.update(version=target.version, suite="", compiler=compilers[-1] if compilers else "gcc")
        return target

    return _kept(row, get, quick or target.image == kdir.NONE)


def _kept(row: Row, get: Callable[[Result], kernel.Kernel], quick: bool) -> Result:
    result: Result = {
        "row": row.name,
        "arch": row.arch,
        "sources": sources(row),
        "date": time.strftime("%Y-%m-%d"),
        "state": "not run",
        "why": "",
    }
    began = time.monotonic()
    try:
        _run(row, get(result), result, quick)
    except ToolError as error:
        result["why"] = f"{error} ({error.hint})" if error.hint else str(error)
    except Exception as error:  # noqa: BLE001 - one row must not end the others
        result["why"] = repr(error)
    result["seconds"] = round(time.monotonic() - began, 1)
    keep(result)
    return result


def keep(result: Result) -> None:
    file = results_dir() / f"{result['row']}.json"
    file.write_text(json.dumps(result, indent=1, ensure_ascii=True) + "\n")


def _run(row: Row, target: kernel.Kernel, result: Result, quick: bool) -> None:
    result["state"] = "failed"
    say(f"{row.name}: building for {target.version}")
    began, now = time.monotonic(), time.time()
    built = build.build(row, target)
    about = built.driver.stat()
    seconds = round(time.monotonic() - began, 1)
    result["build"] = {"seconds": seconds, "cached": about.st_mtime < now, "size": about.st_size}
    result["state"] = "built"
    if not quick:
        say(f"{row.name}: booting")
        _boot(row, target, built, result)


def _boot(row: Row, target: kernel.Kernel, built: build.Built, result: Result) -> None:
    log = results_dir() / f"{row.name}.log"
    result["state"] = "failed"
    done = boot.boot(row, target.image, built, log)
    died_early = ""
    if done.why and done.untouched:
        # The module was not there yet: emulated CPUs do that now and then. A second death counts.
        died_early = next(iter(machine.bad_lines(log)), done.why)
        say(f"{row.name}: died before the test began ({died_early}); booting once more")
        done = boot.boot(row, target.image, built, log)
    said = smoke.parse(done.log)
    checker = smoke.Checker(said, debug=bool(row.config))
    checker.run()
    bad = machine.bad_lines(log)
    died = [note for note in said.notes if note.startswith("died")]
    result["boot"] = {"seconds": round(done.seconds, 1), "ended": done.ended, "died_early": died_early}
    result["times_ns"] = said.times
    result.update(said.facts)
    result["faults"] = said.faults
    result["notes"] = said.notes
    result["log"] = bad[:20]
    result["tests"] = checker.tests
    result["hooks"] = checker.hooks
    result["events"] = _events(checker)
    result["foreseen"] = foreseen.compare(row, target, built.driver, checker.hooks)
    problems = [done.why, *died, *bad[:1]]
    load, unload = said.facts.get("load"), said.facts.get("unload")
    if load is None or load["errno"]:
        problems.append(f"the module was not loaded: {load}")
    elif unload is None or unload["errno"]:
        problems.append(f"the module was not unloaded: {unload}")
    problems += [f"{event}: {why[0]}" for event, why in checker.wrong.items()]
    problems += [f"preflight was wrong: {difference}" for difference in result["foreseen"]["wrong"][:1]]
    problems += [f"{name}: {'; '.join(event['why'])}" for name, event in result["events"].items()
                 if event["verdict"] == "failed" and name not in checker.wrong]  # fmt: skip
    if not row.name.startswith(KDIR):
        # Those have what each act needs.
        problems += [f"{name}: no act was for it" for name, event in result["events"].items()
                     if event["verdict"] == "armed"]  # fmt: skip
    result["why"] = "; ".join(problem for problem in problems if problem)
    result["state"] = "failed" if result["why"] else "passed"


def _is_forced(hook: dict[str, Any]) -> bool:
    """Whether a hook is unavailable because there is nothing of what it looks for, or nothing to look at."""
    reasons = ("has no such point", "this kernel does not tell what it takes")
    return bool(hook["detail"]) and all(any(map(line.count, reasons)) for line in hook["detail"])


def _has_no_chain(hook: dict[str, Any]) -> bool:
    """Whether the kernel was built without what a hook would be told by: there is nothing to be told."""
    return bool(hook["detail"]) and all(
        line.startswith(("notifier ", "netfilter ")) and "built without it" in line for line in hook["detail"]
    )


def _events(checker: smoke.Checker) -> dict[str, dict[str, Any]]:
    """Return each event's verdict.

    That is ok, degraded (by a later candidate, or without a hook whose point the kernel has not), failed,
    armed (no act is for it), or lacking (the kernel cannot do what it is about).
    """
    found: dict[str, dict[str, Any]] = {}
    for number, name in checker.events.items():
        # No hook records findings; that there is none is a test of its own.
        if number in scanner.EVENTS:
            continue
        mine = [hook for hook in checker.hooks if hook["event"] == number]
        verdict = "ok" if checker.checked.get(name) else "armed"
        why: list[str] = []
        for hook in mine:
            if hook["state"] != "armed":
                why.append(f"{hook['name']}: {'; '.join(hook['detail'])}")
            if hook["state"] == "unavailable" and not _is_forced(hook) and not _has_no_chain(hook):
                verdict = "failed"
            elif hook["state"] in ("degraded", "unavailable") and verdict == "ok":
                verdict = "degraded"
        if mine and all(hook["state"] == "unavailable" for hook in mine):
            lacking = name in checker.lacking or all(map(_has_no_chain, mine))
            verdict = "lacking" if lacking and verdict != "failed" else "failed"
        if name in checker.wrong:
            verdict, why = "failed", checker.wrong[name] + why
        found[name] = {
            "verdict": verdict,
            "why": why,
            "mechanisms": [hook["mechanism"] for hook in mine],
            "checked": checker.checked.get(name, 0),
        }
    return found
