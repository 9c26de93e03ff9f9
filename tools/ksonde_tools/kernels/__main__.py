# SPDX-License-Identifier: GPL-2.0-only
"""tools/kernels: the driver on every supported kernel."""

from __future__ import annotations

import argparse
import fnmatch
import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ksonde_tools.common import ToolError, main_guard, say

from . import fetch, report, run
from .rows import ROWS, Row
from .trees import TREES

_MARKS = {"passed": "passed", "failed": "FAILED", "built": "built", "not run": "not run"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools/kernels", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="print the kernels and what the last run said of each")
    verbs.add_parser("report", help="write docs/kernels.md from the outcomes in the cache")
    cached = verbs.add_parser("cached", help="exit code 0 when a row's kernel is in the cache, else 1")
    cached.add_argument("row", metavar="ROW", choices=[row.name for row in ROWS])
    runs = verbs.add_parser(
        "run", help="build, boot and try; exit code 0 when every row passed; all rows: as report, too"
    )
    runs.add_argument(
        "--only",
        action="append",
        metavar="PATTERN",
        help="these rows (amd64-*, tree-*); several are possible; default: all but tree-*",
    )
    runs.add_argument("--jobs", type=int, default=1, help="rows at a time; default 1")
    runs.add_argument("--quick", action="store_true", help="build only")
    runs.add_argument(
        "--again", action="store_true", help="run rows that have passed with these sources, too"
    )
    runs.add_argument(
        "--newest", action="store_true", help="ask again which kernels are the newest; for --again, too"
    )
    runs.add_argument(
        "--kdir",
        type=Path,
        metavar="PATH",
        help="only this kernel tree or headers folder; booted when it has an image",
    )
    runs.add_argument("--image", type=Path, metavar="PATH", help="with --kdir: what is booted")
    runs.add_argument("--make", action="append", default=[], metavar="WORD", help="with --kdir: for make")
    return parser


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.verb == "list":
        return _list()
    if options.verb == "report":
        report.write()
        return 0
    if options.verb == "cached":
        return 0 if fetch.cached(_chosen([options.row])[0]) else 1
    if options.kdir:
        return _kdir(options)
    if options.image or options.make:
        raise ToolError("--image and --make are about the folder that --kdir names", code=2)
    chosen = _chosen(options.only)
    numbers = itertools.count(1)
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        jobs = [pool.submit(_one, row, options, numbers, len(chosen)) for row in chosen]
        states = [job.result() for job in jobs]
    counts = [f"{states.count(state)} {mark}" for state, mark in _MARKS.items()]
    say(", ".join(counts))
    if len(chosen) == len(ROWS) and not options.quick:
        report.write()
    wanted = {"built", "passed"} if options.quick else {"passed"}
    return 0 if set(states) <= wanted else 1


def _list() -> int:
    for row in (*ROWS, *TREES):
        result = run.last(row) or {"state": "not run", "why": ""}
        print(f"{row.name:16} {result.get('version', '-'):32} {result['state']:8} {result['why']}")
    return 0


def _chosen(patterns: list[str] | None) -> list[Row]:
    if not patterns:
        return list(ROWS)
    rows = (*ROWS, *TREES)
    for pattern in patterns:
        if not any(fnmatch.fnmatch(row.name, pattern) for row in rows):
            raise ToolError(f"no row is called {pattern}", "tools/kernels list")
    return [row for row in rows if any(fnmatch.fnmatch(row.name, pattern) for pattern in patterns)]


def _one(row: Row, options: argparse.Namespace, numbers: itertools.count[int], rows: int) -> str:
    result = run.last(row)
    done = {"passed", "built"} if options.quick else {"passed"}
    fresh = result is not None and result["state"] in done and result["sources"] == run.sources(row)
    if result is None or options.again or options.newest or not fresh:
        result = run.run(row, quick=options.quick, newest=options.newest)
    else:
        say(f"{row.name}: has {result['state']} already, with these sources")
    _print(result, f"[{next(numbers)}/{rows}] ")
    return str(result["state"])


def _kdir(options: argparse.Namespace) -> int:
    """Run a tree that is in no list; exit code 0 when it passes, or builds and has no image to boot."""
    result = run.run_kdir(options.kdir, options.image, tuple(options.make), quick=options.quick)
    _print(result, "")
    if result["state"] == "built" and not options.quick:
        say("not booted: the folder has no image; --image names one")
    return 0 if result["state"] in ("built", "passed") else 1


def _print(result: run.Result, begin: str) -> None:
    mark = _MARKS[result["state"]]
    print(f"{begin}{mark:8} {result['row']:16} {result['seconds']:6.1f} s  {result['why']}", flush=True)


if __name__ == "__main__":
    main_guard(main)
