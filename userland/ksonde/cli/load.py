# SPDX-License-Identifier: GPL-2.0-only
"""ksonde load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer


def load(
    parameters: Annotated[
        Optional[list[str]],
        typer.Argument(
            ..., metavar="[NAME=VALUE]...", help="Parameters: ring_max, sessions_max, cache_entries."
        ),
    ] = None,
    module: Annotated[
        Optional[Path],
        typer.Option(
            "--module", "-m", metavar="PATH", help="This ksonde.ko, not the built or installed one."
        ),
    ] = None,
) -> None:
    """Load the module: the one built in this clone for this kernel, else the installed one."""
    from ksonde import module as logic

    for parameter in parameters or ():
        if "=" not in parameter:
            raise typer.BadParameter(f"{parameter!r} is not NAME=VALUE", param_hint="'NAME=VALUE'")
    new, source = logic.load(module, parameters or ())
    found = logic.status()
    typer.echo(
        f"loaded version {found.version} from {source}"
        if new
        else f"version {found.version} was loaded already"
    )
