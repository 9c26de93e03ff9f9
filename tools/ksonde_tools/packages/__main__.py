# SPDX-License-Identifier: GPL-2.0-only
"""tools/packages: the Debian and RPM packages."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from ksonde_tools.common import main_guard

from . import build, check, stage, trial


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools/packages", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, what in (("deb", "ksonde and ksonde-dkms for Debian"), ("rpm", "the same as RPM packages")):
        verb = verbs.add_parser(name, help=f"build {what}; prints their paths")
        verb.add_argument("--version", default=stage.version(), help="another version than the clone's")
        verb.add_argument(
            "--output",
            type=Path,
            default=build.output_folder(),
            metavar="FOLDER",
            help="default: in the cache",
        )
    verbs.add_parser("check", help="build all and look at them: files, scripts, lintian, the system's Python")
    test = verbs.add_parser(
        "test", help="install, upgrade and purge them in a Debian 12 (40 minutes, as root)"
    )
    test.add_argument("--no-boot", action="store_true", help="without the virtual machine")
    test.add_argument("--only", choices=("deb", "rpm"), help="only these packages")
    return parser


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.verb == "check":
        return check.check(build.output_folder())
    if options.verb == "test":
        return _test(options)
    make = {"deb": build.deb, "rpm": build.rpm}[options.verb]
    print("\n".join(str(path) for path in make(options.version, options.output)))
    return 0


def _test(options: argparse.Namespace) -> int:
    # Whoever ends this run does not mean to leave a machine and copies of roots behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    version = stage.version()
    folder, versions = build.output_folder(), (version, f"{version}.1")
    codes = []
    if options.only != "rpm":
        codes.append(trial.debian(folder, *versions, boot=not options.no_boot))
    if options.only != "deb":
        codes.append(trial.rpm(folder, *versions))
    return max(codes)


if __name__ == "__main__":
    main_guard(main)
