# SPDX-License-Identifier: GPL-2.0-only
"""ksonde scan: is this kernel still the one that was booted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from . import exit  # noqa: A004
from .options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ksonde.integrity import Part


ImageOption = Annotated[
    Optional[str],
    typer.Option("--image", metavar="FILE", help="The image that this kernel was booted from (vmlinuz)."),
]
ModulesOption = Annotated[
    Optional[list[Path]],
    typer.Option(
        "--modules",
        metavar="PATH",
        help="A folder of modules' files, or one of them, for what did not come from /lib/modules.",
    ),
]


def scan(json: JsonOption = False, image: ImageOption = None, modules: ModulesOption = None) -> int:
    """Look whether this kernel is still the one that was booted; exits with 3 when something is not so.

    Its system calls, its interrupts, the registers that protect it, where its functions begin, tables of
    operations, callbacks that nobody owns, modules, processes and sockets that hide, ksonde's own probes, and
    its code and that of its modules against the files that they came from. The findings say who owns the code
    that was put there; addresses, and with them the last two parts, need CAP_SYSLOG or CAP_SYS_ADMIN.
    """
    from ksonde import integrity

    parts = list(_progress(integrity.scan(image=image, modules=modules or ())))
    if json:
        from json import dumps

        typer.echo(dumps({"parts": [_written(part) for part in parts]}, indent=1))
    else:
        typer.echo("\n".join(_lines(parts)))
    return exit.FINDINGS if any(part.findings for part in parts) else exit.OK


def _written(part: Part) -> dict[str, Any]:
    """Without what was only for comparison."""
    from dataclasses import asdict

    return {name: value for name, value in asdict(part).items() if name != "seen"}


def _progress(parts: Iterable[Part]) -> Iterator[Part]:
    """Each part, when it is there; on a terminal with a line that goes away again."""
    import sys

    shows = sys.stderr.isatty()
    for part in parts:
        if shows:
            print(f"\r\x1b[K{part.number + 1} of {part.parts}", end="", file=sys.stderr, flush=True)
        yield part
    if shows:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _lines(parts: list[Part]) -> Iterator[str]:
    from ksonde.text import plural, printable

    width = max((len(part.name) for part in parts), default=0)
    for part in parts:
        found = plural(len(part.findings), "FINDING") if part.findings else "nothing found"
        why = f"; {part.why}" if part.why else ""
        yield printable(f"{part.name.ljust(width)}  {part.checked:,} checked, {found}{why}")
        yield from (f"  {printable(str(finding))}" for finding in part.findings)
