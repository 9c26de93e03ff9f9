# SPDX-License-Identifier: GPL-2.0-only
"""tools/vm: run a command in a virtual machine on a named kernel, with the driver loaded."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from . import machine, module
from .common import main_guard
from .kernels import named

_EPILOG = """\
The guest sees the host's files, read-only, at their own paths (/tmp, /var/tmp, /run and /dev
are its own), runs as root without a network, and has PYTHONPATH and PATH set so that
`ksonde` and `python3` are this clone's.

exit codes: the command's; 121 when the kernel's log has a warning, a bug or worse;
122 when the guest died; 124 when it did not end in time; 125 when it could not be started.
"""


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/vm",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="tools/vm [options] -- COMMAND [ARGUMENT...]",
    )
    parser.add_argument(
        "--kernel",
        metavar="VERSION",
        help="a series (6.1), a whole version, or an amd64 row of `tools/kernels list`; default 6.1",
    )
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--memory", default="2G")
    parser.add_argument("--append", default="", help="more words for the kernel's command line")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="default 600")
    parser.add_argument("--no-load", action="store_true", help="build the driver but do not load it")
    parser.add_argument("--no-build", action="store_true", help="neither build nor load the driver")
    parser.add_argument("--param", action="append", default=[], help="a parameter for the driver, name=value")
    parser.add_argument("--env", action="append", default=[], help="NAME=VALUE for the command")
    parser.add_argument("--accel", choices=("auto", "kvm", "tcg"), default="auto")
    parser.add_argument("--log", type=Path, help="where the kernel's log goes")
    parser.add_argument("--no-udev", action="store_true", help="start no udev in the guest")
    parser.add_argument("--qemu", action="append", default=[], help="more words for QEMU")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    return parser


def guest_environment() -> dict[str, str]:
    """Return what makes `ksonde` and `python3` this clone's, within the guest."""
    path = f"{Path(sys.prefix) / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    names = ("PYTHONPATH", "TERM", "COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TZ", "CI")
    return {"PATH": path, **{name: os.environ[name] for name in names if name in os.environ}}


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    chosen = named.resolve(options.kernel)
    ko = None if options.no_build else module.build_driver(chosen)
    environment = {**guest_environment(), **dict(pair.split("=", 1) for pair in options.env)}
    if ko is not None:
        environment["KSONDE_KO"] = str(ko)
    task = machine.Run(
        kernel=chosen,
        command=options.command,
        module=[] if ko is None or options.no_load else [str(ko), *options.param],
        cpus=options.cpus,
        memory=options.memory,
        append=options.append,
        timeout=options.timeout,
        accelerator=options.accel,
        environment=environment,
        udev=not options.no_udev,
        log=options.log.absolute() if options.log else None,
        qemu=[word for words in options.qemu for word in shlex.split(words)],
    )
    return machine.run(task).code


if __name__ == "__main__":
    main_guard(main)
