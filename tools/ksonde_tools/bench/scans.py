# SPDX-License-Identifier: GPL-2.0-only
"""`tools/bench scans`: what the commands cost that look at the kernel itself, in guest instructions.

The machine is that of the other benchmarks, but for its files, which are the host's; so what counts is the
CPU time, user and kernel, of the second run of each command, with Python's start in it.  Where the kernel is
one of `tools/kernels list` it is booted from its packed image, and moves itself.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

from ksonde.scanner import scan_all
from ksonde.text import table
from ksonde_tools import machine, module
from ksonde_tools.common import ToolError
from ksonde_tools.kernel import Kernel
from ksonde_tools.kernels import named
from ksonde_tools.vm import guest_environment

from .guest import CLEARED

#: What the agent does every five minutes.
AGENT = "the agent's scan, without Python's start"


def commands(packed: Path | None) -> dict[str, list[str]]:
    """What is measured: ksonde's arguments, by a name."""
    wanted = {
        "ksonde --version": ["--version"],
        **{f"ksonde {name}": [name] for name in ("lsm", "inventory", "scan")},
    }
    if packed is not None:
        wanted["ksonde scan, with the image as it is packed"] = ["scan", "--image", str(packed)]
    return wanted


def in_guest(wanted: Mapping[str, Sequence[str]]) -> None:
    """Run each command, and the agent's scan; write a line of JSON for each: 10^9 instructions."""
    for name, words in wanted.items():
        _measured(
            name,
            partial(subprocess.run, [sys.executable, "-m", "ksonde", *words], stdout=DEVNULL, check=True),
        )
    _measured(AGENT, scan_all)


def _measured(name: str, act: Callable[[], object]) -> None:
    act()
    before = os.times()
    act()
    spent = [after - earlier for after, earlier in zip(os.times(), before)]
    print(json.dumps({"what": name, "user": spent[0] + spent[2], "system": spent[1] + spent[3]}), flush=True)


def measure(kernel: Kernel) -> list[dict[str, Any]]:
    """Boot, and take the lines.  ToolError."""
    packed = kernel.image.parent / "root/boot" / f"vmlinuz-{kernel.version}"
    wanted = commands(packed if kernel.image.name == "vmlinux" and packed.exists() else None)
    lines = bytearray()
    done = machine.run(
        machine.Run(
            kernel=kernel,
            command=[sys.executable, "-m", __name__, json.dumps(wanted)],
            module=[str(module.build_driver(kernel))],
            cpus=1,
            append=CLEARED,
            timeout=1200.0,
            accelerator="tcg",
            environment=guest_environment(),
            qemu=["-icount", "shift=0,sleep=off"],
        ),
        out=lines.extend,
    )
    if done.code:
        raise ToolError(f"the machine ended with {done.code}", f"see {done.log}")
    rows = [json.loads(line) for line in lines.decode().splitlines()]
    missing = {*wanted, AGENT}.difference(row["what"] for row in rows)
    if missing:
        raise ToolError(f"there is no result of {', '.join(sorted(missing))}", f"see {done.log}")
    return rows


def main(arguments: Sequence[str]) -> int:
    """Measure, and show."""
    parser = argparse.ArgumentParser(prog="tools/bench scans", description=__doc__)
    parser.add_argument("--kernel", help="as tools/vm has it; default 6.1")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    options = parser.parse_args(arguments)
    rows = measure(named.resolve(options.kernel))
    if options.json:
        print(json.dumps(rows, indent=1))
        return 0
    cells = [
        (row["what"], *(f"{one:.2f}" for one in (row["user"], row["system"], row["user"] + row["system"])))
        for row in rows
    ]
    print(table(("10^9 instructions", "user", "system", "sum"), cells, "<>>>"))
    return 0


if __name__ == "__main__":
    in_guest(json.loads(sys.argv[1]))
