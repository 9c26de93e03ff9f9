# SPDX-License-Identifier: GPL-2.0-only
"""`tools/bench profile`: where the instructions of a case go, function by function.

The same guest as `tools/bench overhead`, with a plugin in QEMU that counts the instructions at every
address.  What is printed is the difference to doing nothing, so it names the kernel's functions that ksonde
calls as well as its own.
"""

from __future__ import annotations

import argparse
import bisect
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ksonde_tools import kernel as kernels
from ksonde_tools.bench.experiment import WORKLOADS, Experiment, compiled


def main(arguments: Sequence[str]) -> int:
    """Measure, then print the functions with the greatest difference."""
    parser = argparse.ArgumentParser(
        prog="tools/bench profile", description="Where the instructions of a case go, function by function."
    )
    parser.add_argument("case", help="loaded, default, sandbox, or events: a,b")
    parser.add_argument("workload", choices=tuple(WORKLOADS))
    parser.add_argument("--top", type=int, default=40, help="functions shown (%(default)s)")
    parser.add_argument(
        "--kernel", default=None, metavar="VERSION", help="which kernel (the newest Debian 6.1)"
    )
    options = parser.parse_args(arguments)
    plugin = compiled("profile.c", "profile.so", "-shared", "-fPIC")
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder) / "profile"
        qemu = ("-plugin", f"{plugin},out={prefix}")
        experiment = Experiment(
            kernels.resolve(options.kernel), [options.case], [options.workload], 1, symbols=True, qemu=qemu
        )
        samples = experiment.run()
        batches, operations, _ = WORKLOADS[options.workload]
        profiles = {
            case: _by_function(Path(f"{prefix}.{number}"), samples.symbols, batches * operations)
            for number, (case, _workload) in enumerate(samples.order)
        }
    _print(profiles["nothing"], profiles[options.case], options.top)
    return 0


def _by_function(profile: Path, symbols: list[tuple[int, str]], operations: int) -> Counter[str]:
    """Instructions an operation, by the kernel's function; all of user space is one."""
    ordered = sorted(symbols)
    addresses = [address for address, _name in ordered]
    sums: Counter[str] = Counter()
    for line in profile.read_text().splitlines():
        address, instructions = (int(text, base) for text, base in zip(line.split(), (16, 10)))
        at = bisect.bisect_right(addresses, address) - 1
        name = "(user space)" if address < 1 << 63 or at < 0 else ordered[at][1]
        sums[name] += instructions
    return Counter({name: round(count / operations) for name, count in sums.items()})


def _print(nothing: Counter[str], case: Counter[str], top: int) -> None:
    difference = Counter(case)
    difference.subtract(nothing)
    total = sum(nothing.values())
    more = sum(difference.values())
    print(f"nothing {total:,}, more {more:+,} ({more / total * 100:+.2f} %); instructions an operation:")
    for name, count in sorted(difference.items(), key=lambda item: -abs(item[1]))[:top]:
        print(f"{count:+9,}  {name}")
