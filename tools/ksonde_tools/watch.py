# SPDX-License-Identifier: GPL-2.0-only
"""tools/watch: live events, from this machine's kernel or from one in a virtual machine."""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from . import host, kernel, machine, module
from .common import ROOT, ToolError, main_guard, say
from .vm import guest_environment

#: Seconds that the guest gets beyond what it is to watch for.
_SLACK = 120


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/watch",
        description="Show live events of a kernel: of this machine's where it can load the driver, "
        "else of one in a virtual machine, where a demonstration runs.",
        epilog="Other options go to `ksonde watch`; see tools/vm -- ksonde watch --help.",
    )
    parser.add_argument("--json", action="store_true", help="JSON lines instead of text")
    parser.add_argument(
        "--for", dest="seconds", default="20s", metavar="TIME", help="end after 20s, 2m; default 20s"
    )
    parser.add_argument("--event", action="append", default=[], help="only these; default all")
    parser.add_argument("--vm", action="store_true", help="in a virtual machine in any case")
    parser.add_argument("--kernel", metavar="VERSION", help="the virtual machine's kernel; implies --vm")
    return parser


def main(arguments: Sequence[str]) -> int:
    options, others = parser().parse_known_args(arguments)
    words = ["--for", options.seconds, *others]
    for event in options.event or ["all", "session_state"]:
        words += ["--event", event]
    if options.json:
        words.append("--json")
    elif sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        words += ["--color", "always"]
    seconds = _seconds(options.seconds)
    if options.vm or options.kernel:
        return _watch_guest(options.kernel, words, seconds)
    reason = host.why_not()
    if reason is None:
        return _watch_host(words)
    say(f"{reason}: watching a virtual machine instead")
    return _watch_guest(None, words, seconds)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)?", text)
    if match is None:
        raise ToolError(f"--for {text} is no time", "say 20s or 2m", code=2)
    return float(match.group(1)) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[match.group(2) or "s"]


def _watch_host(words: list[str]) -> int:
    """Load the driver unless it is loaded, watch, and leave things as they were."""
    release = platform.release()
    loaded = Path("/sys/module/ksonde").exists()
    if not loaded:
        ko = module.build_driver(kernel.running(release))
        say(f"loading ksonde into the running kernel ({release})")
        _must(["insmod", str(ko)])
    try:
        return subprocess.run(["ksonde", "watch", *words], check=False).returncode
    finally:
        if not loaded:
            _must(["rmmod", "ksonde"])


def _must(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise ToolError(done.stderr.decode(errors="replace").strip() or f"{command[0]} failed", "see dmesg")


def _watch_guest(name: str | None, words: list[str], seconds: float) -> int:
    chosen = kernel.resolve(name)
    ko = module.build_driver(chosen)
    hello = module.build_small(chosen, ROOT / "tests/fixtures/hello")
    environment = guest_environment()
    environment.setdefault("COLUMNS", str(shutil.get_terminal_size((160, 24)).columns))
    environment["KSONDE_DEMO_MODULES"] = str(hello)
    task = machine.Run(
        kernel=chosen,
        command=[sys.executable, "-m", "ksonde_tools.demo", *words],
        module=[str(ko)],
        timeout=seconds + _SLACK,
        environment=environment,
    )
    return machine.run(task).code


if __name__ == "__main__":
    main_guard(main)
