#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Builds what the VM tests run: on the host, before the guest boots.

    tests/vm/build.py OUT KERNEL_BUILD [MAKE...]

makes OUT/act64, act32, hostile, storm and the fixtures' modules, anew where a source is newer.  The guest
finds them through KSONDE_TESTS=OUT.  MAKE are words that run make for that kernel; without them it is make.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures"
UAPI = sorted((HERE.parents[1] / "driver" / "LKM" / "uapi").glob("*.h"))
FLAGS = "-O1 -g -std=gnu11 -Wall -Wextra -Werror -static -pthread".split()


def _program(out: Path, sources: Sequence[Path], headers: Sequence[Path], *options: str) -> None:
    if out.exists() and all(out.stat().st_mtime > path.stat().st_mtime for path in (*sources, *headers)):
        return
    new = out.with_suffix(f".{os.getpid()}")
    subprocess.run(["gcc", *FLAGS, *options, "-o", new, *sources], check=True)
    new.rename(out)


def _module(out: Path, kernel_build: Path, make: Sequence[str]) -> None:
    name = out.stem.removeprefix("ksonde_")
    sources = [path for path in (FIXTURES / name).iterdir() if path.name == "Kbuild" or path.suffix == ".c"]
    shared = list(FIXTURES.glob("*.h"))
    if out.exists() and all(out.stat().st_mtime > path.stat().st_mtime for path in (*sources, *shared)):
        return
    work = out.parent / name
    work.mkdir(exist_ok=True)
    for path in sources:
        shutil.copy(path, work)
    for path in shared:
        shutil.copy(path, out.parent)
    command = [*make, "-s", "-C", str(kernel_build), f"M={work}", "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"]
    subprocess.run(command, check=True, stdout=sys.stderr)
    shutil.copy(work / out.name, out)


def build(out: Path, kernel_build: Path, make: Sequence[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    acts = sorted((HERE / "acts").glob("*.c"))
    headers = [*sorted((HERE / "acts").glob("*.h")), *UAPI]
    _program(out / "act64", acts, headers, "-m64")
    # The kernel's asm/ is the same for both; gcc-multilib, which links it, is at odds with cross compilers.
    _program(out / "act32", acts, headers, "-m32", "-idirafter", "/usr/include/x86_64-linux-gnu")
    _program(out / "hostile", [HERE / "hostile.c"], headers)
    _program(out / "storm", [HERE / "storm.c"], [])
    for name in sorted(path.parent.name for path in FIXTURES.glob("*/Kbuild")):
        _module(out / f"ksonde_{name}.ko", kernel_build, make)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    build(Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3:] or ["make"])
