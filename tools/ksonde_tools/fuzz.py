# SPDX-License-Identifier: GPL-2.0-only
"""`tools/fuzz`: the driver's parsers under the sanitizers, with damaged input, for as long as one likes."""

from __future__ import annotations

import argparse
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .common import ROOT, ToolError, main_guard, say

HOST = ROOT / "tests" / "host"
#: How many inputs before it says how far it is.
STEP = 250_000
#: Parsers: the program of tests/host, the driver's files, the seeds, and what its counts are of.
PARSERS = {
    "dns": (
        "dns_test",
        ["hooks/dns_parse.c"],
        "dns_seeds.txt",
        ("good", "short", "counts", "label", "pointer", "long", "data"),
    ),
    "dns_stream": (
        "stream_test",
        ["hooks/dns_stream.c"],
        "dns_seeds.txt",
        ("made", "whole", "after_gaps"),
    ),
    "scan": (
        "scan_test",
        ["hooks/scan_packet.c", "hooks/scan_detect.c"],
        "scan_seeds.txt",
        ("probe", "other", "fragment", "short", "length", "extensions", "reports"),
    ),
}


def main(arguments: Sequence[str]) -> int:
    """Fuzz; the seed that is printed makes the same inputs again."""
    parser = argparse.ArgumentParser(
        prog="tools/fuzz", description="Damaged DNS answers and packets for the driver's parsers."
    )
    parser.add_argument("parser", nargs="*", help=f"of {', '.join(PARSERS)} (all)")
    parser.add_argument("--count", type=int, default=10_000_000, help="inputs of each (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers; another one each time")
    options = parser.parse_args(arguments)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    for name in options.parser:
        if name not in PARSERS:
            parser.error(f"{name} is none of {', '.join(PARSERS)}")
    for name in options.parser or PARSERS:
        say(f"{name}: {options.count:,} inputs from seed {seed}")
        with tempfile.TemporaryDirectory() as folder:
            met = _fuzz(name, Path(folder), max(1, options.count), seed)
        print(f"{name}: " + ", ".join(f"{kind} {met[kind]:,}" for kind in PARSERS[name][3]))
    return 0


def _build(folder: Path, name: str, sources: list[str]) -> Path:
    sys.path.insert(0, str(HOST))
    import hosted

    return hosted.build(folder, name, sources)


def _fuzz(parser: str, folder: Path, count: int, seed: int) -> Counter[str]:
    name, sources, seeds_name, kinds = PARSERS[parser]
    program = _build(folder, name, sources)
    met: Counter[str] = Counter()
    begin, done = time.monotonic(), 0
    seeds = (HOST / seeds_name).read_text(encoding="ascii")
    while done < count:
        step = min(STEP, count - done)
        command = [str(program), "fuzz", str(step), str(seed + done)]
        run = subprocess.run(command, input=seeds, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise ToolError(f"{' '.join(command[1:])} ended with {run.returncode}:\n{run.stderr}")
        met.update(dict(zip(kinds, map(int, run.stdout.split()))))
        done += step
        say(f"{done:,} of {count:,}, {done / (time.monotonic() - begin):,.0f} a second")
    return met


if __name__ == "__main__":
    main_guard(main)
