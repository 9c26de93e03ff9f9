# SPDX-License-Identifier: GPL-2.0-only
"""`tools/bench overhead`: instructions an operation costs without ksonde, with it, and with it at work.

All cases run in one boot, in rounds of: nothing, loaded, the sessions, and nothing again once the module
is gone.  So every case is compared with the same kernel a few guest seconds earlier, and the last step
tells how much of a difference is drift.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence

from ksonde_tools import kernel as kernels
from ksonde_tools.bench.experiment import AFTERWARDS, CASES, WORKLOADS, Experiment, Samples
from ksonde_tools.common import say

TITLES = {
    "W1": "getppid",
    "W2": "open+close",
    "W3": "fork+exec",
    "W4": "TCP connect",
    "W5": "pipe byte",
    "W6": "UDP byte",
    "W7": "TCP byte",
    "W8": "spoofed SYN",
}
#: Where the producing process's own time is of interest: records are written there, and read elsewhere.
PRODUCER = ("W2", "W3", "W4", "W6", "W7", "W8")
ROUNDS = 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/bench overhead",
        description="Instructions an operation costs, without ksonde and with it.",
    )
    add = parser.add_argument
    add("--json", action="store_true", help="a JSON list instead of a table")
    add("--cases", type=_words(CASES), default=CASES, metavar="CASE,...", help=", ".join(CASES))
    add("--events", default="", metavar="EVENT,...", help="one more case: a session of these events")
    add("--workloads", type=_words(WORKLOADS), default=tuple(WORKLOADS), metavar="W1,...")
    add("--rounds", type=int, default=ROUNDS, help="how often all is measured (%(default)s)")
    add(
        "--shipped",
        action="store_true",
        help="port_scan does not look at loopback, as shipped: a workload's packets are no host's",
    )
    add("--prefer", default="", metavar="MECHANISM", help="that is tried first")
    add("--kernel", default=None, metavar="VERSION", help="which kernel (the newest Debian 6.1)")
    return parser


def _words(known: Iterable[str]) -> Callable[[str], tuple[str, ...]]:
    order = tuple(known)

    def parse(text: str) -> tuple[str, ...]:
        given = text.split(",")
        for word in given:
            if word not in order:
                raise argparse.ArgumentTypeError(f"{word} is none of {', '.join(order)}")
        return tuple(word for word in order if word in given)

    return parse


def main(arguments: Sequence[str]) -> int:
    """Measure, then print."""
    options = _parser().parse_args(arguments)
    cases = [case for case in options.cases if case != "nothing"]
    if options.events:
        cases.append(options.events)
    kernel = kernels.resolve(options.kernel)
    samples = Experiment(
        kernel,
        cases,
        options.workloads,
        max(1, options.rounds),
        prefer=options.prefer,
        loopback=not options.shipped,
    ).run()
    cases.insert(0, "nothing")
    if options.json:
        print(json.dumps(_rows(samples, cases, options.workloads), indent=1))
    else:
        print(_table(samples, cases, options.workloads))
        print(f"instructions an operation, kernel {kernel.version}; [s]: of the producing process alone")
    _remarks(samples, cases, options.workloads)
    return 0


def _rows(samples: Samples, cases: list[str], workloads: Sequence[str]) -> list[dict[str, str | float]]:
    rows: list[dict[str, str | float]] = []
    for case in cases:
        for workload in workloads:
            row: dict[str, str | float] = {
                "case": case,
                "workload": workload,
                "instructions": round(samples.instructions(case, workload), 1),
                "percent": round(samples.percent(case, workload), 3),
            }
            if workload in PRODUCER:
                row["producer_instructions"] = round(samples.producer(case, workload), 1)
                row["producer_percent"] = round(samples.producer_percent(case, workload), 3)
            rows.append(row)
    return rows


def _table(samples: Samples, cases: list[str], workloads: Sequence[str]) -> str:
    lines = [["", *(f"{name} {TITLES[name]}" for name in workloads)]]
    for case in cases:
        cells = [case]
        for workload in workloads:
            if case == "nothing":
                text = f"{samples.instructions(case, workload):,.1f}"
                own = f"{samples.producer(case, workload):,.0f}"
            else:
                text = f"{samples.percent(case, workload):+.2f} %"
                own = f"{samples.producer_percent(case, workload):+.2f} %"
            cells.append(f"{text} [s {own}]" if workload in PRODUCER else text)
        lines.append(cells)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines
    )


def _remarks(samples: Samples, cases: list[str], workloads: Sequence[str]) -> None:
    """How far the numbers can be trusted, to standard error."""
    spread = (f"{name} {max(samples.spread(case, name) for case in cases):.2f} %" for name in workloads)
    say(f"[s], greatest spread of a case's rounds: {', '.join(spread)}")
    if samples.has(AFTERWARDS, workloads[0]):
        drift = (f"{name} {samples.drift(name):+.2f} %" for name in workloads)
        say(f"[s], nothing after rmmod against nothing before insmod: {', '.join(drift)}")
    for case, numbers in samples.agents:
        say(f"{case}: {numbers['produced']} records, {numbers['read']} read, {numbers['dropped']} lost")
