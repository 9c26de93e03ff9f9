#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A machine that is locked down while it runs: what preflight says of it, and what then happens.

The module is loaded before, as a signed one could be after: its hooks can be armed under any lockdown.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ksonde
from ksonde import hooktable, preflight
from ksonde.doctor import FAIL
from ksonde.machine import Machine

KO = Path(os.environ["KSONDE_KO"])
LOCKDOWN = Path("/sys/kernel/security/lockdown")


def load() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ksonde", "load", "--module", str(KO)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def obstacles(machine: Machine) -> list[str]:
    return [check.name for check in preflight.obstacles(machine, KO) if check.state == FAIL]


def main() -> int:
    machine = Machine()
    assert machine.lockdown() == "none"
    assert obstacles(machine) == []
    done = load()
    assert done.returncode == 0, done.stderr

    LOCKDOWN.write_text("confidentiality")
    with ksonde.Device() as device:
        events = device.schema().profile("S")
    with ksonde.open(events) as session:
        hooks = session.device.hooks()
    predicted, _ = preflight.predict(machine, hooktable.read(KO))
    assert [(hook.name, hook.state, hook.mechanism, hook.target) for hook in hooks] == [
        (hook.name, hook.state, hook.mechanism, hook.target) for hook in predicted
    ]
    assert {hook.state for hook in hooks} == {"armed"}

    subprocess.run(["rmmod", "ksonde"], check=True)
    assert obstacles(machine) == ["signature"]
    done = load()
    print(done.stderr, flush=True)
    assert done.returncode == 1
    assert "kernel lockdown (confidentiality) refuses the module" in done.stderr
    assert not Path("/sys/module/ksonde").exists()
    return 0


if __name__ == "__main__":
    sys.exit(main())
