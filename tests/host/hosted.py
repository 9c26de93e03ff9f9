# SPDX-License-Identifier: GPL-2.0-only
"""Driver code compiled for the host, under the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
DRIVER = HERE.parents[1] / "driver" / "LKM"
# What gcc says of kernel style that is right there.
FLAGS = (
    "-g -O1 -std=gnu11 -Wall -Wextra -Wno-sign-compare -Wno-unused-parameter -Wno-missing-field-initializers "
    "-Werror -fsanitize=address,undefined -fno-sanitize-recover=all"
).split()


def build(out: Path, name: str, sources: list[str], *options: str) -> Path:
    """The program made of tests/host/NAME.c and the driver's sources."""
    program = out / name
    command = [os.environ.get("HOSTCC", "gcc"), *FLAGS, *options, f"-I{HERE / 'shim'}", "-o", str(program)]
    command += [str(HERE / f"{name}.c"), *(str(DRIVER / source) for source in sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def run(program: Path, *arguments: str) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}"
    return done.stdout
