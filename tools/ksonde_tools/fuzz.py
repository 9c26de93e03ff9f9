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
PROBLEMS = ("good", "short", "counts", "label", "pointer", "long", "data")


def main(arguments: Sequence[str]) -> int:
    """Fuzz; the seed that is printed makes the same inputs again."""
    parser = argparse.ArgumentParser(
        prog="tools/fuzz", description="Damaged DNS answers for the driver's parser."
    )
    parser.add_argument("--count", type=int, default=10_000_000, help="inputs (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers; another one each time")
    options = parser.parse_args(arguments)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    say(f"{options.count:,} inputs from seed {seed}")
    with tempfile.TemporaryDirectory() as folder:
        met = _fuzz(_build(Path(folder)), max(1, options.count), seed)
    print(", ".join(f"{name} {met[name]:,}" for name in PROBLEMS))
    return 0


def _build(folder: Path) -> Path:
    sys.path.insert(0, str(HOST))
    import hosted

    return hosted.build(folder, "dns_test", ["hooks/dns_parse.c"])


def _fuzz(program: Path, count: int, seed: int) -> Counter[str]:
    met: Counter[str] = Counter()
    begin, done = time.monotonic(), 0
    seeds = (HOST / "dns_seeds.txt").read_text(encoding="ascii")
    while done < count:
        step = min(STEP, count - done)
        command = [str(program), "fuzz", str(step), str(seed + done)]
        run = subprocess.run(command, input=seeds, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise ToolError(f"{' '.join(command[1:])} ended with {run.returncode}:\n{run.stderr}")
        met.update(dict(zip(PROBLEMS, map(int, run.stdout.split()))))
        done += step
        say(f"{done:,} of {count:,}, {done / (time.monotonic() - begin):,.0f} a second")
    return met


if __name__ == "__main__":
    main_guard(main)
