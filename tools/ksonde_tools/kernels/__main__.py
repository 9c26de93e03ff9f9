# SPDX-License-Identifier: GPL-2.0-only
"""tools/kernels: the driver on every supported kernel."""

from __future__ import annotations

import argparse
import fnmatch
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ksonde_tools import kernel, module
from ksonde_tools.common import ToolError, main_guard, say

from . import report, run
from .rows import ROWS, Row

_MARKS = {"passed": "passed", "failed": "FAILED", "built": "built", "not run": "not run"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools/kernels", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="print the kernels and what the last run said of each")
    verbs.add_parser("report", help="write docs/kernels.md from the outcomes in the cache")
    runs = verbs.add_parser("run", help="build, boot and try; writes docs/kernels.md")
    runs.add_argument(
        "--only", action="append", metavar="PATTERN", help="these rows (amd64-*); several are possible"
    )
    runs.add_argument("--jobs", type=int, default=1, help="rows at a time; default 1")
    runs.add_argument("--quick", action="store_true", help="build only")
    runs.add_argument(
        "--again", action="store_true", help="run rows that have passed with these sources, too"
    )
    runs.add_argument(
        "--kdir",
        type=Path,
        metavar="PATH",
        help="only build, for this tree or headers folder",
    )
    runs.add_argument("--make", action="append", default=[], metavar="WORD", help="with --kdir: for make")
    return parser


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.verb == "list":
        for row in ROWS:
            result = run.last(row) or {"state": "not run", "why": ""}
            print(f"{row.name:16} {result.get('version', '-'):32} {result['state']:8} {result['why']}")
        return 0
    if options.verb == "report":
        report.write()
        return 0
    if options.kdir:
        return _kdir(options.kdir, tuple(options.make))
    chosen = [
        row for row in ROWS if not options.only or any(fnmatch.fnmatch(row.name, x) for x in options.only)
    ]
    if not chosen:
        raise ToolError(f"no row is called {', '.join(options.only)}", "tools/kernels list")
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        jobs = [pool.submit(_one, row, options.quick, options.again) for row in chosen]
        states = [job.result() for job in jobs]
    report.write()
    counts = [f"{states.count(state)} {mark}" for state, mark in _MARKS.items()]
    say(f"{', '.join(counts)}; see {report.PATH.name}")
    wanted = {"built", "passed"} if options.quick else {"passed"}
    return 0 if set(states) <= wanted else 1


def _one(row: Row, quick: bool, again: bool) -> str:
    result = run.last(row)
    done = {"passed", "built"} if quick else {"passed"}
    if again or result is None or result["state"] not in done or result["sources"] != run.sources():
        result = run.run(row, quick=quick)
    else:
        say(f"{row.name}: has passed already")
    print(
        f"{_MARKS[result['state']]:8} {row.name:16} {result.get('seconds', 0):6.1f} s  {result['why']}",
        flush=True,
    )
    return str(result["state"])


def _kdir(folder: Path, words: tuple[str, ...]) -> int:
    """Build for a tree that is in no list; exit code 0 when it builds."""
    folder = folder.resolve()
    release = folder / "include/config/kernel.release"
    if not release.exists():
        raise ToolError(
            f"{folder} is no prepared kernel tree", "make modules_prepare there, or install its headers"
        )
    version = re.sub(r"[^\w.+~-]", "", release.read_text().strip())
    target = kernel.Kernel(version, folder / "vmlinux", folder, folder, make=words)
    print(f"built    {version}: {module.build_driver(target)}")
    return 0


if __name__ == "__main__":
    main_guard(main)
