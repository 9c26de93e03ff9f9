#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""One of the boots of tools/test --crash: the disk is /var/lib, and remembers the boots before.

    tests/vm/crash.py dies | observes-nothing | refuses | healthy | forgives

Whatever `ksonde load` does, it does as at boot; what it has loaded is followed by a module that panics where
the boot is to die.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

import ksonde

KO = os.environ["KSONDE_KO"]
PANIC = os.environ["KSONDE_PANIC_KO"]
UNAVAILABLE = 4


def cli(*arguments: str, code: int = 0) -> str:
    """What a command says on both outputs; its exit code must be that."""
    done = subprocess.run(
        [sys.executable, "-m", "ksonde", *arguments], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    print(f"$ ksonde {' '.join(arguments)}\n{said}", flush=True)
    assert done.returncode == code, f"exit code {done.returncode}, not {code}"
    return said


def load(*more: str, code: int = 0) -> str:
    return cli("load", "--boot", "--module", KO, *more, code=code)


def status(code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("status", "--json", code=code))
    return found


def is_loaded() -> bool:
    return Path("/sys/module/ksonde").exists()


def hooks_and_states() -> tuple[list[Any], list[Any]]:
    """The hooks of a session of all events, and its session_state records."""
    with ksonde.Device() as device:
        events = device.schema().profile("S")
    with ksonde.open(events) as session:
        hooks = session.device.hooks()
        states: list[Any] = []
        end = time.monotonic() + 30
        while len(states) < len(hooks) + 1 and time.monotonic() < end:
            states += [record for record in session.read(1.0) if record.event == "session_state"]
    return hooks, states


def panic() -> None:
    """Does not return where the module is loaded; without it this boot goes on."""
    if is_loaded():
        sys.stdout.flush()
        subprocess.run(["insmod", PANIC], check=True)


def dies() -> None:
    assert "observes nothing" not in load()
    assert status()["health"]["state"] == "settling"
    hooks, _ = hooks_and_states()
    assert {hook.state for hook in hooks} == {"armed"}
    panic()


def observes_nothing() -> None:
    assert "it observes nothing: the boot that loaded it at" in load()
    hooks, states = hooks_and_states()
    assert len(hooks) >= 9
    assert {hook.state for hook in hooks} == {"unavailable"}
    told = [record.to_dict()["data"] for record in states]
    assert [data["what"] for data in told] == [1] + [UNAVAILABLE] * len(hooks)
    assert all("ksonde observes nothing: the boot that loaded it at" in data["detail"] for data in told[1:])
    assert all("died before it was healthy" in data["detail"] for data in told[1:])
    health = status()["health"]
    assert health["state"] == "unhealthy"
    assert health["why"].startswith("it observes nothing: the boot that loaded it at")
    panic()


def refuses() -> None:
    said = load(code=10)
    assert said.count("\n") == 1
    assert said.startswith("ksonde: not loaded: the boots that loaded it at")
    assert "`ksonde load --retry` tries again" in said
    assert not is_loaded()
    panic()  # which it does not, as the module is not there
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    assert "ksonde: not loaded: the boots that loaded it at" in log
    assert status(code=3)["health"]["why"] == "the crash breaker keeps it from loading"
    said = cli("status", code=3)
    assert "crash breaker: the module is not loaded: the boots that loaded it at" in said
    cli("load", "--module", KO, code=10)
    load("--retry")
    hooks, _ = hooks_and_states()
    assert {hook.state for hook in hooks} == {"armed"}
    cli("breaker", "stopped")


def healthy() -> None:
    """The boot before ended as it should; this one dies when it has been healthy."""
    assert "observes nothing" not in load("--healthy-after", "1s")
    assert cli("breaker", "healthy") == "noted: healthy\n"
    assert status()["health"] == {"state": "healthy", "why": "", "notes": []}
    panic()


def forgives() -> None:
    assert "observes nothing" not in load()
    (note,) = status()["health"]["notes"]
    assert note.startswith("1 healthy boot ended unclean")
    cli("unload")


BOOTS: dict[str, Callable[[], None]] = {
    "dies": dies,
    "observes-nothing": observes_nothing,
    "refuses": refuses,
    "healthy": healthy,
    "forgives": forgives,
}


def main() -> int:
    subprocess.run(["modprobe", "-a", "virtio_blk", "ext4"], check=True)
    end = time.monotonic() + 30
    while not Path("/dev/vda").exists() and time.monotonic() < end:
        time.sleep(0.1)
    subprocess.run(["mount", "-t", "ext4", "/dev/vda", "/var/lib"], check=True)
    BOOTS[sys.argv[1]]()
    subprocess.run(["umount", "-l", "/var/lib"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
