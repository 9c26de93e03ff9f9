# SPDX-License-Identifier: GPL-2.0-only
"""`tools/bench loss`: many opens against a reader that has stopped, with a large ring and with small ones."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ksonde_tools import kernel as kernels
from ksonde_tools import module
from ksonde_tools.bench import guest
from ksonde_tools.bench.experiment import HERE, TIMEOUT, furnish
from ksonde_tools.common import ROOT, ToolError, cache_dir, say
from ksonde_tools.kernel import Kernel

OPENS = 42_000
#: Of the ring, MiB; all fits into the first.
RINGS = (16, 4, 1)

INIT = """\
#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc proc /proc
$B mount -t sysfs sys /sys
$B mount -t devtmpfs dev /dev
$B mount -t tmpfs tmp /tmp
$B insmod /ksonde.ko budget=0
for ring in {rings}; do
	echo "loss $({python} /stopped.py $ring {opens} 2>&1 | $B tail -n 1)"
done
$B poweroff -f
"""


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and fail where a record is gone that nobody counted."""
    parser = argparse.ArgumentParser(
        prog="tools/bench loss", description=f"{OPENS:,} opens against a reader that has stopped."
    )
    parser.add_argument("--json", action="store_true", help="a JSON list instead of a table")
    parser.add_argument("--kernel", default=None, metavar="VERSION", help="the newest Debian 6.1")
    options = parser.parse_args(arguments)
    rows = _run(kernels.resolve(options.kernel))
    print(json.dumps(rows, indent=1) if options.json else _table(rows))
    wrong = [row for row in rows if not _adds_up(row)]
    if wrong or rows[0]["lost"]:
        say("produced = read + lost does not hold" if wrong else "the large ring lost records")
        return 1
    return 0


def _run(kernel: Kernel) -> list[dict[str, Any]]:
    say(f"{OPENS:,} opens with rings of {', '.join(map(str, RINGS))} MiB on kernel {kernel.version}")
    rows: list[dict[str, Any]] = []
    console: list[str] = []
    with tempfile.NamedTemporaryFile(dir=cache_dir(), prefix="bench-", suffix=".cpio") as file:
        archive = guest.Initramfs(file.file)
        furnish(archive)
        archive.copy(module.build_driver(kernel), "/ksonde.ko")
        archive.copy(HERE / "stopped.py", "/stopped.py")
        python = guest.add_python(archive, ROOT / "userland")
        init = INIT.format(rings=" ".join(map(str, RINGS)), python=python, opens=OPENS)
        archive.add("init", 0o100755, init.encode())
        archive.finish()
        file.flush()
        for line in guest.boot(kernel.image, Path(file.name), timeout=TIMEOUT):
            console.append(line)
            if line.startswith("loss {"):
                rows.append(json.loads(line[len("loss ") :]))
    if len(rows) != len(RINGS):
        raise ToolError("the guest died", " | ".join(line for line in console[-12:] if line.strip()))
    return rows


def _adds_up(row: dict[str, Any]) -> bool:
    """Whether each record that there was is read, or told as lost by event and reason."""
    lost = sum(row["lost"].values())
    return bool(
        row["opens"] >= OPENS and row["produced"] == row["read"] + lost and row["dropped"]["full"] == lost
    )


def _table(rows: list[dict[str, Any]]) -> str:
    lines = ["| ring | opens | read | lost, by the stream | bytes a record |", "| - | -: | -: | -: | -: |"]
    for row in rows:
        lost = sum(row["lost"].values())
        size = row["bytes"] / row["read"]
        lines.append(f"| {row['mib']} MiB | {row['opens']:,} | {row['read']:,} | {lost:,} | {size:.0f} |")
    return "\n".join(lines)
