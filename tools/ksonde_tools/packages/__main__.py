# SPDX-License-Identifier: GPL-2.0-only
"""tools/packages: the Debian and RPM packages."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ksonde_tools.common import main_guard

from . import build, stage


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools/packages", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, what in (("deb", "ksonde and ksonde-dkms for Debian"), ("rpm", "the same as RPM packages")):
        verb = verbs.add_parser(name, help=f"build {what}; prints their paths")
        verb.add_argument("--version", default=stage.version(), help="another version than the clone's")
        verb.add_argument(
            "--output", type=Path, default=build.output_folder(), metavar="FOLDER", help="default: in the cache"
        )
    return parser


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    make = {"deb": build.deb, "rpm": build.rpm}[options.verb]
    print("\n".join(str(path) for path in make(options.version, options.output)))
    return 0


if __name__ == "__main__":
    main_guard(main)
