# SPDX-License-Identifier: GPL-2.0-only
"""ksonde doctor."""

from __future__ import annotations

import sys

import typer

from . import exit  # noqa: A004
from .options import JsonOption


def doctor(json: JsonOption = False) -> int:
    """Say whether this machine can build, sign and load the module, and what to do where it cannot."""
    from ksonde import doctor as logic

    checks = logic.examine()
    code = exit.ERROR if any(check.state == logic.FAIL for check in checks) else exit.OK
    if json:
        from dataclasses import asdict
        from json import dumps

        typer.echo(dumps([asdict(check) for check in checks], indent=2))
        return code
    from ksonde.output import wants_color
    from ksonde.render import Paint

    paint = Paint(wants_color(sys.stdout))
    width = max(len(check.name) for check in checks)
    for check in checks:
        typer.echo(f"{paint(check.state, f'{check.state:<4}')}  {check.name:<{width}}  {check.text}")
        if check.hint:
            typer.echo(f"{'':<{width + 6}}  -> {check.hint}")
    typer.echo(f"\n{logic.verdict(checks)}")
    return code
