# SPDX-License-Identifier: GPL-2.0-only
"""ksonde inventory: who has asked the kernel to be called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from . import exit  # noqa: A004
from .options import JsonOption, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksonde.inventory import Kind


def complete_kind(incomplete: str) -> list[str]:
    """Names of kinds that begin so."""
    from ksonde.inventory import KINDS

    return [name for name in KINDS if name.startswith(incomplete)]


def inventory(
    kind: Annotated[
        Optional[list[str]],
        typer.Option(
            "--kind",
            "-k",
            metavar="KIND",
            help="Only these kinds (repeat, or separate by commas).",
            autocompletion=complete_kind,
        ),
    ] = None,
    unowned: Annotated[bool, typer.Option("--unowned", help="Only what nobody owns.")] = False,
    json: JsonOption = False,
) -> int:
    """Show who has asked the kernel to be called: where, by which function, and who owns that.

    Kprobes and kretprobes, ftrace, tracepoints, hooks of netfilter, notifiers, formats of programs, programs
    of BPF, and events made of kprobes and uprobes. Exits with 3 when the code of one is in memory that nobody
    owns. Addresses need CAP_SYSLOG or CAP_SYS_ADMIN.
    """
    from ksonde import inventory as logic
    from ksonde.errors import KsondeError

    wanted = split(kind or ())
    kinds = list(logic.inventory())
    unknown = [name for name in wanted if name not in {one.name for one in kinds}]
    if unknown:
        raise KsondeError(
            f"there is no kind {unknown[0]!r}", f"kinds are {', '.join(one.name for one in kinds)}"
        )
    chosen = [one for one in kinds if not wanted or one.name in wanted]
    if json:
        _json(chosen, unowned)
    else:
        typer.echo("\n".join(logic.tree(chosen, unowned)))
    return exit.FINDINGS if any(entry.unowned for one in chosen for entry in one.entries) else exit.OK


def _json(kinds: Sequence[Kind], unowned: bool) -> None:
    from dataclasses import asdict
    from json import dumps

    found = [
        {
            **asdict(kind),
            "entries": [
                {**asdict(entry), "own": entry.own} for entry in kind.entries if entry.unowned or not unowned
            ],
        }
        for kind in kinds
    ]
    typer.echo(dumps({"kinds": found}, indent=1))
