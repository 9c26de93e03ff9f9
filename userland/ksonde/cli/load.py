# SPDX-License-Identifier: GPL-2.0-only
"""ksonde load."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from ksonde import text

from .options import checked, duration


def load(
    parameters: Annotated[
        Optional[list[str]],
        typer.Argument(
            ..., metavar="[NAME=VALUE]...", help="Parameters: ring_max, cache_entries, baseline, ..."
        ),
    ] = None,
    module: Annotated[
        Optional[Path],
        typer.Option(
            "--module", "-m", metavar="PATH", help="This ksonde.ko, not the built or installed one."
        ),
    ] = None,
    boot: Annotated[
        bool,
        typer.Option(
            "--boot", help="From a unit: load nothing where a crash could not be noted; see `ksonde breaker`."
        ),
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Forget that boots died with the module: load it as usual.")
    ] = False,
    healthy_after: Annotated[
        Optional[str],
        typer.Option(
            "--healthy-after",
            callback=checked(text.parse_duration),
            metavar="TIME",
            help="Until this boot counts as healthy; else 2m.",
        ),
    ] = None,
    scan: Annotated[
        bool,
        typer.Option("--scan/--no-scan", help="Look at once whether this kernel is the one that booted."),
    ] = True,
) -> None:
    """Load the module: the one built in this clone for this kernel, else the installed one.

    After a boot that died soon after its load the module observes nothing; after a second one it is not
    loaded (exit code 10) until --retry. What a scan finds is a warning, and changes no exit code.
    """
    from ksonde import breaker
    from ksonde import module as logic

    for parameter in parameters or ():
        if "=" not in parameter:
            raise typer.BadParameter(f"{parameter!r} is not NAME=VALUE", param_hint="'NAME=VALUE'")
    seconds = duration(healthy_after)
    after = breaker.HEALTHY_AFTER if seconds is None else seconds
    done = breaker.load(module, parameters or (), boot=boot, retry=retry, healthy_after=after)
    if done.new and not boot and not done.warning:
        breaker.leave_watcher()
    found = logic.status()
    if done.warning:
        print(f"ksonde: {text.printable(done.warning)}", file=sys.stderr)
    typer.echo(
        f"loaded version {found.version} from {done.source}"
        if done.new
        else f"version {found.version} was loaded already"
    )
    nothing = found.parameters.get("observe_nothing", "")
    if scan and done.new and nothing in ("", "(null)"):
        _warn_of_findings()
    if nothing not in ("", "(null)"):
        hint = "" if done.new else "; `ksonde unload`, then `ksonde load`"
        typer.echo(f"it observes nothing: {text.printable(nothing)}{hint}")


def _warn_of_findings() -> None:
    from ksonde.errors import KsondeError
    from ksonde.scanner import scan_all

    try:
        findings = [f"{finding}; see `ksonde scan`, `ksonde lsm`" for finding in scan_all()]
    except KsondeError as error:
        findings = [f"the kernel was not scanned: {error}"]
    for finding in findings:
        print(f"ksonde: WARNING: {text.printable(finding)}", file=sys.stderr)
