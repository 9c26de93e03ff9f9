# SPDX-License-Identifier: GPL-2.0-only
"""Preflight's tests with a real kernel: built for on this machine, then booted to see what happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from . import kernel, machine, module
from .common import ROOT, cache_dir, say
from .vm import guest_environment


def run(command: Sequence[str], name: str | None, cpus: int, memory: str) -> int:
    """Run pytest, then a machine that gets locked down; the first exit code that is not 0."""
    chosen = kernel.resolve(name)
    environment = {
        **os.environ,
        "KSONDE_RELEASE": chosen.version,
        "KSONDE_MODULES": str(chosen.modules),
        "KSONDE_HEADERS": str(chosen.build.resolve()),
        "KSONDE_BOOT": str(chosen.modules.parents[2] / "boot"),
    }
    words = [*command, "-q", "-o", f"cache_dir={cache_dir() / 'pytest'}"]
    code = subprocess.run(words, cwd=ROOT, env=environment, check=False).returncode
    if code:
        return code
    say("a machine that is locked down while it runs")
    task = machine.Run(
        kernel=chosen,
        command=[sys.executable, "tests/vm/locked_down.py"],
        cpus=cpus,
        memory=memory,
        timeout=300.0,
        environment={**guest_environment(), "KSONDE_KO": str(module.build_driver(chosen))},
        cwd=ROOT,
    )
    return machine.run(task).code
