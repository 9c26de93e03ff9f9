# SPDX-License-Identifier: GPL-2.0-only
"""ksonde lsm: who sits in the kernel's LSM hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from . import exit  # noqa: A004
from .options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksonde.inspection import Finding
    from ksonde.lsm_hooks import Hooks


def lsm(
    hook: Annotated[
        Optional[list[str]],
        typer.Argument(..., metavar="[HOOK]...", help="Only these hooks.", show_default=False),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Show who sits in the kernel's LSM hooks, in the order in which they are called.

    The hooks are found twice, by the kernel's symbols and by its code. Exits with 3 when there is a callback
    that is not of an LSM of the kernel, or when the two do not say the same; all hooks are judged, also with
    HOOK. Addresses need CAP_SYSLOG or CAP_SYS_ADMIN.
    """
    from ksonde import inspection, uapi
    from ksonde import lsm_hooks as logic
    from ksonde.errors import KsondeError

    found = logic.Hooks.parse(inspection.look(uapi.Inspect.LSM))
    if not found.answered:
        raise KsondeError(f"this kernel's LSM hooks were {'; '.join(found.notes())}")
    unknown = sorted(set(hook or ()) - {one.name for one in found.hooks})
    if unknown:
        raise KsondeError(f"this kernel has no LSM hook {unknown[0]!r}", "`ksonde lsm` lists them")
    lsms = logic.booted()
    findings = found.findings(lsms)
    if json:
        _json(found, findings, lsms, hook or ())
    else:
        typer.echo("\n".join(logic.tree(found, lsms, hook or ())))
        _people(found, findings)
    return exit.FINDINGS if findings else exit.OK


def _json(
    found: Hooks, findings: Sequence[Finding], lsms: Optional[Sequence[str]], only: Sequence[str]
) -> None:
    from dataclasses import asdict
    from json import dumps

    whole = {**asdict(found), "booted": lsms, "findings": [asdict(finding) for finding in findings]}
    whole["hooks"] = [asdict(hook) for hook in found.hooks if not only or hook.name in only]
    typer.echo(dumps(whole, indent=1))


def _people(found: Hooks, findings: Sequence[Finding]) -> None:
    from ksonde.text import plural, printable

    for note in found.notes():
        typer.echo(f"note: {printable(note)}", err=True)
    if not findings:
        return
    typer.echo(f"\n{plural(len(findings), 'finding')}:", err=True)
    for finding in findings:
        typer.echo(f"  {printable(str(finding))}", err=True)
