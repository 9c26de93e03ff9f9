# SPDX-License-Identifier: GPL-2.0-only
"""`tools/bench overhead`: instructions an operation costs without ksonde, with it, and with it at work.

All cases run in one boot, in rounds of: nothing, loaded, the sessions, and nothing again once the module
is gone.  So every case is compared with the same kernel a few guest seconds earlier, and the last step
tells how much of a difference is drift.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ksonde_tools import kernel as kernels
from ksonde_tools import module
from ksonde_tools.bench import guest
from ksonde_tools.common import ROOT, ToolError, cache_dir, say

HERE = Path(__file__).resolve().parent
CASES = ("nothing", "loaded", "default", "sandbox")
AFTERWARDS = "afterwards"  # nothing once more, after rmmod
#: Batches, operations a batch, batches before to warm up.
WORKLOADS = {
    "W1": (200, 1000, 5),
    "W2": (100, 1000, 5),
    "W3": (60, 40, 4),
    "W4": (60, 400, 3),
    "W5": (200, 1000, 5),
}
TITLES = {
    "W1": "getppid",
    "W2": "open+close",
    "W3": "fork+exec",
    "W4": "TCP connect",
    "W5": "pipe byte",
}
#: Where the producing process's own time is of interest: records are written there, and read elsewhere.
PRODUCER = ("W2", "W3", "W4")
ROUNDS = 3
TIMEOUT = 1800.0

INIT = """\
#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc proc /proc
$B mount -t sysfs sys /sys
$B mount -t devtmpfs dev /dev
$B mount -t tmpfs tmp /tmp
$B ip link set lo up
# A random layout of the parent changes what its fork costs by one percent.
echo 0 > /proc/sys/kernel/randomize_va_space

fail() {{
	echo "bench failed: $*"
	$B poweroff -f
}}

measure() {{
{measure}
}}

session() {{
	$B rm -f /tmp/ready
	{python} /agent.py "$2" /tmp/ready > /tmp/agent 2>&1 &
	agent=$!
	until [ -e /tmp/ready ]; do
		[ -d /proc/$agent ] || fail "the agent: $($B tail -n 1 /tmp/agent)"
		$B usleep 20000
	done
	$B sleep 1
	measure "$1" "$2"
	$B kill -TERM $agent
	wait $agent || fail "the agent: $($B tail -n 1 /tmp/agent)"
	echo "bench agent $2 $($B tail -n 1 /tmp/agent)"
}}

{steps}
echo "bench done"
$B poweroff -f
"""


class Samples:
    """What the guest measured: for each case and workload, a value a round, of all and of the producer."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._own: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.agents: list[tuple[str, dict[str, int]]] = []

    def add(self, case: str, workload: str, instructions: float, producer: float) -> None:
        """One round's medians."""
        self._all[case, workload].append(instructions)
        self._own[case, workload].append(producer)

    def has(self, case: str, workload: str) -> bool:
        """Whether it was measured."""
        return (case, workload) in self._all

    def instructions(self, case: str, workload: str) -> float:
        """Of the whole machine, an operation."""
        return statistics.median(self._all[case, workload])

    def producer(self, case: str, workload: str) -> float:
        """Of the producing process and its children, an operation."""
        return statistics.median(self._own[case, workload])

    def percent(self, case: str, workload: str) -> float:
        """More than doing nothing, of the whole machine."""
        return _percent(self.instructions(case, workload), self.instructions("nothing", workload))

    def producer_percent(self, case: str, workload: str) -> float:
        """More than doing nothing, of the producer."""
        return _percent(self.producer(case, workload), self.producer("nothing", workload))

    def spread(self, case: str, workload: str) -> float:
        """Between the least and the greatest round, in percent."""
        values = self._all[case, workload]
        return _percent(max(values), min(values))


def _percent(value: float, base: float) -> float:
    return (value / base - 1) * 100


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
    cases = [case for case in CASES if case == "nothing" or case in options.cases]
    if options.events:
        cases.append(options.events)
    kernel = kernels.resolve(options.kernel)
    samples = _measure(kernel, cases, options.workloads, max(1, options.rounds))
    if options.json:
        print(json.dumps(_rows(samples, cases, options.workloads), indent=1))
    else:
        print(_table(samples, cases, options.workloads))
        print(f"instructions an operation, kernel {kernel.version}; [s]: of the producing process alone")
    _remarks(samples, cases, options.workloads)
    return 0


def _measure(kernel: kernels.Kernel, cases: list[str], workloads: Sequence[str], rounds: int) -> Samples:
    with tempfile.NamedTemporaryFile(dir=cache_dir(), prefix="bench-", suffix=".cpio") as file:
        archive = guest.Initramfs(file)  # type: ignore[arg-type]
        _fill(archive, kernel, cases, workloads, rounds)
        archive.finish()
        file.flush()
        return _run(kernel, Path(file.name), cases, workloads, rounds)


def _fill(
    archive: guest.Initramfs, kernel: kernels.Kernel, cases: list[str], workloads: Sequence[str], rounds: int
) -> None:
    busybox = shutil.which("busybox")
    if busybox is None:
        raise ToolError("there is no busybox", "apt-get install busybox-static")
    archive.copy(Path(busybox), "/bin/busybox")
    archive.copy(_workloads_program(), "/workloads")
    for folder in ("dev", "proc", "sys", "tmp"):
        archive.add(folder, 0o040755)
    if len(cases) > 1:
        archive.copy(module.build_driver(kernel), "/ksonde.ko")
    python = ""
    if any(case not in ("nothing", "loaded") for case in cases):
        archive.copy(HERE / "agent.py", "/agent.py")
        python = guest.add_python(archive, ROOT / "userland")
    archive.add("init", 0o100755, _init(cases, workloads, rounds, python).encode())


def _workloads_program() -> Path:
    program = cache_dir() / "build" / "workloads"
    program.parent.mkdir(parents=True, exist_ok=True)
    command = [
        "gcc",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-static",
        "-o",
        str(program),
        str(HERE / "workloads.c"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ToolError("there is no gcc", "apt-get install gcc libc6-dev") from None
    if done.returncode != 0:
        raise ToolError(f"workloads.c does not compile: {done.stderr.strip().splitlines()[-1]}")
    return program


def _init(cases: list[str], workloads: Sequence[str], rounds: int, python: str) -> str:
    lines = [
        f'\techo "bench $1 $2 $(/workloads {name} {" ".join(str(n) for n in WORKLOADS[name])})"'
        for name in workloads
    ]
    steps: list[str] = []
    for number in range(rounds):
        steps.append(f"measure {number} nothing")
        if len(cases) == 1:
            continue
        steps.append("$B insmod /ksonde.ko || fail 'insmod'")
        if "loaded" in cases:
            steps.append(f"measure {number} loaded")
        steps += [f"session {number} {case}" for case in cases if case not in ("nothing", "loaded")]
        steps += ["$B rmmod ksonde || fail 'rmmod'", f"measure {number} {AFTERWARDS}"]
    return INIT.format(measure="\n".join(lines), steps="\n".join(steps), python=python)


def _run(
    kernel: kernels.Kernel, initramfs: Path, cases: list[str], workloads: Sequence[str], rounds: int
) -> Samples:
    samples = Samples()
    console: list[str] = []
    done = False
    steps = len(workloads) * rounds * (len(cases) + (len(cases) > 1))
    say(f"measuring on kernel {kernel.version}: {steps} steps of a few seconds")
    for line in guest.boot(kernel.image, initramfs, timeout=TIMEOUT):
        console.append(line)
        found = re.fullmatch(r"bench \d+ (\S+) (W\d) ([\d.]+) ([\d.]+)", line)
        if found:
            samples.add(found[1], found[2], float(found[3]), float(found[4]))
        elif line.startswith("bench agent "):
            _, _, case, text = line.split(" ", 3)
            samples.agents.append((case, json.loads(text)))
        elif line.startswith("bench failed: "):
            raise ToolError(f"in the guest: {line[len('bench failed: ') :]}", _last(console))
        done = done or line == "bench done"
    if not done:
        raise ToolError("the guest died", _last(console))
    return samples


def _last(console: list[str]) -> str:
    return " | ".join(line for line in console[-12:] if line.strip())


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
    spread = ", ".join(
        f"{workload} {max(samples.spread(case, workload) for case in cases):.2f} %" for workload in workloads
    )
    say(f"greatest spread of a case's rounds: {spread}")
    if samples.has(AFTERWARDS, workloads[0]):
        drift = ", ".join(
            f"{workload} {samples.percent(AFTERWARDS, workload):+.2f} %" for workload in workloads
        )
        say(f"nothing again, after rmmod: {drift}")
    for case, numbers in samples.agents:
        say(f"{case}: {numbers['produced']} records, {numbers['read']} read, {numbers['dropped']} lost")
