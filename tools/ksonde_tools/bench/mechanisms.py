# SPDX-License-Identifier: GPL-2.0-only
"""`tools/bench mechanisms`: what each candidate of a hook costs, a record and a bystander.

The guest of `tools/bench overhead`, booted once for each mechanism, which is preferred then.  The candidates
are those of the built module's hook table; what the engine took is asked in the guest.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ksonde import hooktable
from ksonde_tools import kernel as kernels
from ksonde_tools import module
from ksonde_tools.bench.experiment import AFTERWARDS, HERE, Experiment, Samples
from ksonde_tools.common import say
from ksonde_tools.kernel import Kernel

BYSTANDER = "W1"


@dataclass
class Row:
    """What one candidate costs; instructions more than nothing."""

    event: str
    mechanism: str
    first: bool  # the one that the engine takes by itself
    taken: list[str]
    of_the_act: float  # of the producing process, all that the workload does
    bystander: float  # of a getppid


def main(arguments: Sequence[str]) -> int:
    """Measure, then print."""
    parser = argparse.ArgumentParser(
        prog="tools/bench mechanisms", description="What each candidate of a hook costs."
    )
    parser.add_argument("--events", default="", metavar="EVENT,...", help="all that have a workload")
    parser.add_argument("--json", action="store_true", help="a JSON list instead of a table")
    parser.add_argument("--kernel", default=None, metavar="VERSION", help="the newest Debian 6.1")
    options = parser.parse_args(arguments)
    kernel = kernels.resolve(options.kernel)
    hooks = _hooks(kernel)
    wanted = set(options.events.split(",")) if options.events else set(_workloads())
    rows: list[Row] = []
    for mechanism in hooktable.MECHANISMS[1:]:
        events = [
            name
            for name, hook in hooks.items()
            if name in wanted and any(point.mechanism == mechanism for point in hook.points)
        ]
        if events:
            say(f"{mechanism}: {', '.join(events)}")
            rows += _measure(kernel, mechanism, events, hooks)
    rows.sort(key=lambda row: (row.event, not row.first))
    print(json.dumps([asdict(row) for row in rows], indent=1) if options.json else _table(rows))
    return 0


def _workloads() -> list[str]:
    """The workloads that are called after events."""
    return re.findall(r'^\t\{ "([a-z_]+)",', (HERE / "workloads.c").read_text(encoding="utf-8"), re.MULTILINE)


def _hooks(kernel: Kernel) -> dict[str, hooktable.Hook]:
    """The hook that an event is called after, by name."""
    table = hooktable.read(module.build_driver(kernel))
    hooks = {hook.name: hook for hook in table.hooks}
    if "process_exec" in hooks:
        hooks["execve"] = hooks["process_exec"]
    return hooks


def _measure(
    kernel: Kernel, mechanism: str, events: list[str], hooks: dict[str, hooktable.Hook]
) -> list[Row]:
    only: dict[str, Sequence[str]] = {event: [BYSTANDER, event] for event in events}
    only[AFTERWARDS] = [BYSTANDER]
    samples = Experiment(kernel, events, [BYSTANDER, *events], rounds=1, only=only, prefer=mechanism).run()
    taken = {case: numbers["taken"] for case, numbers in samples.agents}
    for case, numbers in samples.agents:
        if numbers["dropped"]:
            lost = f"{numbers['dropped']} of {numbers['produced']} records were lost"
            say(f"{case}: {lost}: its figure is too low")
    return [
        Row(
            event,
            mechanism,
            hooks[event].points[0].mechanism == mechanism,
            taken[event],
            _more(samples, event, event),
            samples.instructions(event, BYSTANDER) - samples.instructions("nothing", BYSTANDER),
        )
        for event in events
    ]


def _more(samples: Samples, case: str, workload: str) -> float:
    return samples.producer(case, workload) - samples.producer("nothing", workload)


def _table(rows: list[Row]) -> str:
    lines = ["| event | mechanism | the act [s] | getppid | taken |", "| - | - | -: | -: | - |"]
    for row in rows:
        name = f"**{row.mechanism}**" if row.first else row.mechanism
        taken = "; ".join(row.taken)
        lines.append(f"| {row.event} | {name} | {row.of_the_act:+,.0f} | {row.bystander:+,.1f} | {taken} |")
    return "\n".join(lines)
