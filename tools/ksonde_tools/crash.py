# SPDX-License-Identifier: GPL-2.0-only
"""The crash breaker's test: five boots of one machine with a disk, three of which die."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from . import kernel, machine, module
from .common import ROOT, say
from .vm import guest_environment

#: What the fixture says when it stops a machine.
_PANIC = "ksonde_panic: a fixture stops this machine"
#: The boots of tests/vm/crash.py, and whether each must die.
_BOOTS = {"dies": True, "observes-nothing": True, "refuses": False, "healthy": True, "forgives": False}


def run(name: str | None, cpus: int, memory: str) -> int:
    """Return the exit code of the first boot that did not do what it should, else 0."""
    chosen = kernel.resolve(name)
    environment = {
        **guest_environment(),
        "KSONDE_KO": str(module.build_driver(chosen)),
        "KSONDE_PANIC_KO": str(module.build_small(chosen, ROOT / "tests/fixtures/panic") / "ksonde_panic.ko"),
    }
    with tempfile.TemporaryDirectory(prefix="ksonde-crash-") as folder:
        disk = Path(folder) / "disk"
        with disk.open("wb") as file:
            file.truncate(16 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", disk], check=True)
        for boot, dies in _BOOTS.items():
            say(f"a machine that {boot.replace('-', ' ')}")
            task = machine.Run(
                kernel=chosen,
                command=[sys.executable, "tests/vm/crash.py", boot],
                cpus=cpus,
                memory=memory,
                timeout=300.0,
                environment=environment,
                cwd=ROOT,
                panic=_PANIC if dies else "",
                qemu=[
                    "-drive",
                    f"file={disk},format=raw,if=none,id=disk",
                    "-device",
                    "virtio-blk-pci,drive=disk",
                ],
            )
            code = machine.run(task).code
            if code:
                return code
    return 0
