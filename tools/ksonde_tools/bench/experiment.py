# SPDX-License-Identifier: GPL-2.0-only
"""One boot of the guest: rounds of all cases, each with all workloads.

A round is: nothing, loaded, the sessions, and nothing again once the module is gone.  So every case is
compared with the same kernel a few guest seconds earlier, and the last step tells how much of a difference
is drift.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ksonde_tools import module
from ksonde_tools.bench import guest
from ksonde_tools.common import ROOT, ToolError, cache_dir, say
from ksonde_tools.kernel import Kernel

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
    "W6": (60, 400, 3),
    "W7": (60, 400, 3),
    "W8": (60, 400, 3),
}
#: The same of a workload that is called after its event.
OF_AN_EVENT = (20, 200, 2)
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
	round=$1 case=$2
	shift 2
	for workload; do
		echo "bench $round $case $(/workloads $(echo $workload | $B tr : ' '))"
		# What is in the ring still is read before the next one begins.
		[ "$case" = nothing ] || $B sleep 4
	done
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
	measure "$@"
	$B kill -TERM $agent
	wait $agent || fail "the agent: $($B tail -n 1 /tmp/agent)"
	echo "bench agent $case $($B tail -n 1 /tmp/agent)"
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
        #: The order in which things were measured: case and workload.
        self.order: list[tuple[str, str]] = []
        #: What each session's agent said at its end.
        self.agents: list[tuple[str, dict[str, Any]]] = []
        #: Address and name of every function of the kernel, where asked for.
        self.symbols: list[tuple[int, str]] = []

    def add(self, case: str, workload: str, instructions: float, producer: float) -> None:
        """One round's medians."""
        self.order.append((case, workload))
        self._all[case, workload].append(instructions)
        self._own[case, workload].append(producer)

    def has(self, case: str, workload: str) -> bool:
        """Whether it was measured."""
        return (case, workload) in self._all

    def instructions(self, case: str, workload: str) -> float:
        """Of the whole machine, an operation; "nothing" is before insmod and after rmmod."""
        return self._median(self._all, case, workload)

    def producer(self, case: str, workload: str) -> float:
        """Of the producing process and its children, an operation."""
        return self._median(self._own, case, workload)

    @staticmethod
    def _median(values: dict[tuple[str, str], list[float]], case: str, workload: str) -> float:
        found = list(values.get((case, workload), []))
        if case == "nothing":
            found += values.get((AFTERWARDS, workload), [])
        return statistics.median(found)

    def percent(self, case: str, workload: str) -> float:
        """More than doing nothing, of the whole machine."""
        return _percent(self.instructions(case, workload), self.instructions("nothing", workload))

    def producer_percent(self, case: str, workload: str) -> float:
        """More than doing nothing, of the producer."""
        return _percent(self.producer(case, workload), self.producer("nothing", workload))

    def spread(self, case: str, workload: str) -> float:
        """Between the least and the greatest round of the producer, in percent."""
        values = self._own[case, workload]
        return _percent(max(values), min(values))

    def drift(self, workload: str) -> float:
        """From the medians before insmod to those after rmmod, of the producer, in percent."""
        before, after = (self._own[case, workload] for case in ("nothing", AFTERWARDS))
        return _percent(statistics.median(after), statistics.median(before))


def _percent(value: float, base: float) -> float:
    return (value / base - 1) * 100


@dataclass
class Experiment:
    """What to measure, on which kernel."""

    kernel: Kernel
    cases: Sequence[str]  # beside "nothing": "loaded", "default", "sandbox", or events "a,b"
    workloads: Sequence[str]
    rounds: int
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)  # workloads of a case, where not all
    prefer: str = ""  # a mechanism
    loopback: bool = True  # port_scan looks at the workloads' own packets, which it does not by itself
    symbols: bool = False
    qemu: tuple[str, ...] = ()  # more arguments
    samples: Samples = field(default_factory=Samples)
    console: list[str] = field(default_factory=list)

    def run(self) -> Samples:
        """Boot, measure, and return what was measured."""
        with tempfile.NamedTemporaryFile(dir=cache_dir(), prefix="bench-", suffix=".cpio") as file:
            archive = guest.Initramfs(file.file)
            self._fill(archive)
            archive.finish()
            file.flush()
            self._boot(Path(file.name))
        return self.samples

    def _fill(self, archive: guest.Initramfs) -> None:
        furnish(archive)
        if self.cases:
            archive.copy(module.build_driver(self.kernel), "/ksonde.ko")
        python = ""
        if any(case != "loaded" for case in self.cases):
            archive.copy(HERE / "agent.py", "/agent.py")
            python = guest.add_python(archive, ROOT / "userland")
        archive.add("init", 0o100755, self._init(python).encode())

    def _init(self, python: str) -> str:
        steps: list[str] = []
        for number in range(self.rounds):
            steps.append(f"measure {number} nothing {self._words('nothing')}")
            if not self.cases:
                continue
            # All of it is to be measured, not what the governor leaves.
            words = [
                f"scan_loopback={int(self.loopback)}",
                *([f"prefer={self.prefer}"] if self.prefer else []),
            ]
            steps.append(f"$B insmod /ksonde.ko budget=0 {' '.join(words)} || fail insmod")
            # The baseline of the kernel's code is taken once, some seconds long, beside what runs.
            steps.append("$B sleep 20")
            if self.symbols:
                steps.append("$B grep -i ' t ' /proc/kallsyms")
            if "loaded" in self.cases:
                steps.append(f"measure {number} loaded {self._words('loaded')}")
            sessions = [case for case in self.cases if case != "loaded"]
            steps += [f"session {number} {case} {self._words(case)}" for case in sessions]
            steps += [
                "$B rmmod ksonde || fail rmmod",
                f"measure {number} {AFTERWARDS} {self._words(AFTERWARDS)}",
            ]
        return INIT.format(steps="\n".join(steps), python=python)

    def _words(self, case: str) -> str:
        """The workloads of a case with their counts, as the guest's shell takes them."""
        names = self.only.get(case, self.workloads)
        return " ".join(":".join(map(str, (name, *WORKLOADS.get(name, OF_AN_EVENT)))) for name in names)

    def _boot(self, initramfs: Path) -> None:
        steps = len(self.workloads) * self.rounds * (1 + len(self.cases) + bool(self.cases))
        say(f"measuring on kernel {self.kernel.version}: {steps} steps of a few seconds")
        for line in guest.boot(self.kernel.image, initramfs, timeout=TIMEOUT, extra=self.qemu):
            self._take(line)
        if "bench done" not in self.console:
            raise ToolError("the guest died", " | ".join(line for line in self.console[-12:] if line.strip()))

    def _take(self, line: str) -> None:
        if found := re.fullmatch(r"bench \d+ (\S+) (\w+) ([\d.]+) ([\d.]+)", line):
            self.samples.add(found[1], found[2], float(found[3]), float(found[4]))
        elif found := re.fullmatch(r"([0-9a-f]{16}) [tT] (\S+)(?:\s+\[\w+\])?", line):
            self.samples.symbols.append((int(found[1], 16), found[2]))
        elif line.startswith("bench agent "):
            _, _, case, text = line.split(" ", 3)
            self.samples.agents.append((case, json.loads(text)))
        elif line.startswith("bench failed: "):
            raise ToolError(f"in the guest: {line[len('bench failed: ') :]}")
        else:
            self.console.append(line)


def furnish(archive: guest.Initramfs) -> None:
    """Add what every guest has: busybox, the workloads, and the program that they execute."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise ToolError("there is no busybox", "apt-get install busybox-static")
    archive.copy(Path(busybox), "/bin/busybox")
    archive.copy(Path(busybox), "/true")
    archive.copy(compiled("workloads.c", "workloads", "-static"), "/workloads")
    for folder in ("dev", "proc", "sys", "tmp"):
        archive.add(folder, 0o040755)


def compiled(source: str, result: str, *flags: str) -> Path:
    """Compile a C file of this folder into the cache."""
    program = cache_dir() / "build" / result
    program.parent.mkdir(parents=True, exist_ok=True)
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", *flags, "-o", str(program), str(HERE / source)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ToolError("there is no gcc", "apt-get install gcc libc6-dev") from None
    if done.returncode != 0:
        raise ToolError(f"{source} does not compile: {done.stderr.strip().splitlines()[-1]}")
    return program
