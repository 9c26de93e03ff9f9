# SPDX-License-Identifier: GPL-2.0-only
"""tools/test: unit tests, driver code on the host under sanitizers, tests in a virtual machine."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import IO, TextIO

from . import ansible, crash, foresight, machine, module
from .common import ROOT, cache_dir, clone_id, main_guard, say
from .kernels import named
from .vm import guest_environment

#: How a line of tests/vm/conftest.py begins that names a field.
_NOT_TOLD = "not told: "
_PYTEST = ("-m", "pytest", "-rfExX", "--strict-skips")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/test",
        description="Run the tests: all of them, or the named kinds.",
        epilog="Arguments after -- go to pytest, e.g. tools/test --vm -- -k connect.",
    )
    parser.add_argument("--unit", action="store_true", help="the Python code's, in this machine")
    parser.add_argument(
        "--host", action="store_true", help="the driver's code compiled for this machine, sanitized"
    )
    parser.add_argument(
        "--vm", action="store_true", help="the driver's and the bridge's, in a virtual machine"
    )
    parser.add_argument(
        "--crash", action="store_true", help="the crash breaker's, in a virtual machine that dies"
    )
    parser.add_argument(
        "--preflight", action="store_true", help="what preflight foresees, with a real kernel's package"
    )
    parser.add_argument("--ansible", action="store_true", help="the roll-out's; only when it is asked for")
    parser.add_argument(
        "--kernel", metavar="VERSION", help="the virtual machine's kernel: as for tools/vm; default 6.1"
    )
    parser.add_argument("--cpus", type=int, default=2, help="of the virtual machine")
    parser.add_argument("--memory", default="2G", help="of the virtual machine")
    parser.add_argument(
        "--timeout", type=float, default=2700.0, metavar="SECONDS", help="of the virtual machine"
    )
    parser.add_argument(
        "--machines", type=int, help="how many share all of the tests; default: one a CPU, at most 2"
    )
    parser.add_argument("pytest", nargs="*", metavar="PYTEST-ARGUMENT")
    return parser


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    kinds: dict[str, Callable[[], int]] = {
        "unit": lambda: _here("tests/unit", options.pytest),
        "host": lambda: _here("tests/host", options.pytest),
        "vm": lambda: _in_guest(options),
        "preflight": lambda: foresight.run(
            _pytest("tests/preflight", options.pytest), options.kernel, options.cpus, options.memory
        ),
        "ansible": lambda: ansible.run(_pytest("tests/ansible", options.pytest)),
        "crash": lambda: crash.run(options.kernel, options.cpus, options.memory),
    }
    chosen = [name for name in kinds if getattr(options, name)] or [
        name for name in kinds if name != "ansible"
    ]
    codes: dict[str, int] = {}
    for name in chosen:
        say(f"{name} tests")
        began = time.monotonic()
        codes[name] = kinds[name]()
        say(f"{name} tests {'passed' if codes[name] == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s")
    failed = [name for name, code in codes.items() if code]
    if failed:
        say(f"failed: {', '.join(failed)}")
    else:
        say(f"all passed: {', '.join(codes)}")
    return next((code for code in codes.values() if code), 0)


def _pytest(folder: str, more: Sequence[str]) -> list[str]:
    color = "yes" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else "auto"
    return [sys.executable, *_PYTEST, f"--color={color}", folder, *more]


def _here(folder: str, more: Sequence[str]) -> int:
    cache = f"cache_dir={cache_dir() / 'pytest'}"
    return subprocess.run([*_pytest(folder, more), "-q", "-o", cache], cwd=ROOT, check=False).returncode


def _in_guest(options: argparse.Namespace) -> int:
    chosen = named.resolve(options.kernel)
    ko = module.build_driver(chosen)
    programs = cache_dir() / "tests" / f"{chosen.version}-{clone_id()}"
    make = [*chosen.prefix, "make", *chosen.make]
    places = [str(ROOT / "tests/vm/build.py"), str(programs), str(chosen.build)]
    subprocess.run([sys.executable, *places, *make], stdout=2, check=True)
    environment = {
        **guest_environment(),
        "PYTHONUNBUFFERED": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "KSONDE_KO": str(ko),
        "KSONDE_TESTS": str(programs),
    }
    task = machine.Run(
        kernel=chosen,
        command=[
            *_pytest("tests/vm", options.pytest),
            "-v",
            "--durations=10",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:hypothesispytest",
        ],
        module=[str(ko)],
        cpus=options.cpus,
        memory=options.memory,
        timeout=options.timeout,
        environment=environment,
        cwd=ROOT,
        usb=True,
    )
    if options.pytest:
        return machine.run(task).code
    code = _in_guests(options, options.machines or min(2, os.cpu_count() or 1))
    if code:
        return code
    say("a machine booted with ksonde=off")
    task = replace(task, command=["tests/vm/off.sh"], module=[], append="ksonde=off", timeout=120.0)
    return machine.run(task).code


def _in_guests(options: argparse.Namespace, count: int) -> int:
    """Run all tests, shared out to machines side by side: an emulated one keeps one CPU busy."""
    shared = [f"--{name}={getattr(options, name)}" for name in ("cpus", "memory", "timeout")]
    shared += [f"--kernel={options.kernel}"] if options.kernel else []
    command = [sys.executable, "-m", "ksonde_tools.test", "--vm", *shared, "--"]
    untold: list[set[str]] = [set() for _ in range(count)]

    def hand_on(index: int, lines: IO[str], to: TextIO) -> None:
        for line in lines:
            print(f"[{index + 1}] {line}" if count > 1 else line, end="", file=to, flush=True)
            if line.startswith(_NOT_TOLD):
                untold[index].add(line.removeprefix(_NOT_TOLD).strip())

    with contextlib.ExitStack() as stack:
        machines = []
        for index in range(count):
            words = [*command, f"--share={index + 1}/{count}"]
            process = subprocess.Popen(
                words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
            )
            machines.append(stack.enter_context(process))
            for lines, to in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
                assert lines is not None
                thread = threading.Thread(target=hand_on, args=(index, lines, to))
                thread.start()
                stack.callback(thread.join)
    missed = set.intersection(*untold)
    for field in sorted(missed):
        say(f"{field}: no test knows a value that a handler which forgets it cannot give")
    return next((process.returncode for process in machines if process.returncode), 1 if missed else 0)


if __name__ == "__main__":
    main_guard(main)
