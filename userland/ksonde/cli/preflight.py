# SPDX-License-Identifier: GPL-2.0-only
"""ksonde preflight."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .options import JsonOption


def preflight(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Every check, and every hook with what will become of it.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Say for each installed kernel whether this version of the module would work on it; installs nothing.

    The module is built for each of them, in a temporary folder, which takes a minute or so. The kernel of the
    next boot comes first, and decides between exit codes 20 and 21.
    """
    from ksonde import preflight as logic
    from ksonde import preflight_report as report
    from ksonde.output import wants_color
    from ksonde.render import Paint

    def tell(words: str) -> None:
        if sys.stderr.isatty():
            print(f"ksonde: {words}", file=sys.stderr, flush=True)

    found = logic.examine(tell=tell)
    paint = Paint(wants_color(sys.stdout))
    typer.echo(report.as_json(found) if json else report.as_text(found, verbose=verbose, paint=paint))
    return report.exit_code(found)
