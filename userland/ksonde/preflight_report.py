# SPDX-License-Identifier: GPL-2.0-only
"""What preflight found, for people and for a roll-out tool.  Python is all it needs (see tools/preflight)."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Callable

from ksonde import preflight
from ksonde.errors import KsondeError
from ksonde.text import printable, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksonde.preflight import Kernel, Report

NEXT_BOOT_FAILS, OTHER_KERNEL_FAILS, DEGRADED = 20, 21, 22

#: Words in the colour of ok, warn or fail.
Paint = Callable[[str, str], str]
_COLORS = {preflight.FINE: "ok", preflight.DEGRADED: "warn", preflight.FAILS: "fail"}


def exit_code(report: Report) -> int:
    """0, or what a roll-out tool must know first."""
    verdicts = [kernel.verdict for kernel in report.kernels]
    if verdicts[0] == preflight.FAILS:
        return NEXT_BOOT_FAILS
    if preflight.FAILS in verdicts:
        return OTHER_KERNEL_FAILS
    return DEGRADED if preflight.DEGRADED in verdicts else 0


def as_json(report: Report) -> str:
    """All of it, and the reasons once more in one sentence."""
    why = "; ".join(f"{kernel.release}: {kernel.why}" for kernel in report.kernels if kernel.why)
    return json.dumps({**asdict(report), "exit_code": exit_code(report), "why": why}, indent=2)


def as_text(report: Report, *, verbose: bool, paint: Paint = lambda _what, words: words) -> str:
    """A paragraph a kernel."""
    head = f"ksonde {report.version} from {report.source}\nnext boot: {report.next_boot}, {report.how}"
    parts = ("\n".join(_lines(kernel, paint, verbose=verbose)) for kernel in report.kernels)
    return "\n\n".join([head, *parts])


def _lines(kernel: Kernel, paint: Paint, *, verbose: bool) -> list[str]:
    marks = [word for word, is_so in (("next boot", kernel.next_boot), ("running", kernel.running)) if is_so]
    head = paint(_COLORS[kernel.verdict], kernel.verdict) + f"  {kernel.release}"
    lines = [head + (f" ({', '.join(marks)})" if marks else "") + (f": {kernel.why}" if kernel.why else "")]
    failed = kernel.verdict == preflight.FAILS
    for check in kernel.checks:
        if verbose or check.state == "fail" or (check.state == "warn" and not failed):
            lines.append(f"    {paint(check.state, f'{check.state:<4}')}  {check.name}: {check.text}")
            lines += [f"          -> {check.hint}"] * bool(check.hint)
    return [*lines, *_hooks(kernel)] if verbose and kernel.hooks else lines


def _hooks(kernel: Kernel) -> list[str]:
    rows = [
        (printable(hook.name), hook.state, hook.mechanism or "-", printable(hook.target) or "-")
        for hook in kernel.hooks
    ]
    head, *lines = table(("HOOK", "STATE", "MECHANISM", "TARGET"), rows).split("\n")
    said = [f"    {head}"]
    for line, hook in zip(lines, kernel.hooks):
        said.append(f"    {line}")
        if hook.state != preflight.ARMED:
            said += [f"        {printable(sentence)}" for sentence in hook.detail]
    return said


def main(argv: Sequence[str]) -> int:
    """The command `ksonde preflight` for a host where nothing is installed."""
    parser = argparse.ArgumentParser(
        prog="tools/preflight",
        description="Say for each installed kernel whether this version of the module would work on it. "
        "Installs nothing, and needs only Python and what builds a module.",
        epilog="exit codes: 0 all kernels are fine; 20 that of the next boot fails; 21 another one fails; "
        "22 some hooks are degraded; 1 it could not be told",
    )
    parser.add_argument("--json", action="store_true", help="JSON, for programs")
    parser.add_argument("--verbose", "-v", action="store_true", help="every check and every hook")
    options = parser.parse_args(argv)
    try:
        report = preflight.examine()
    except KsondeError as error:
        print(f"ksonde: {error}; {error.hint}", file=sys.stderr)
        return error.exit_code
    print(as_json(report) if options.json else as_text(report, verbose=options.verbose))
    return exit_code(report)
