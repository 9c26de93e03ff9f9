# SPDX-License-Identifier: GPL-2.0-only
"""ksonde hooks: where the module is attached."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption, ProfileOption

if TYPE_CHECKING:
    from ksonde.device import HookInfo

_HEAD = ("HOOK", "EVENT", "STATE", "MECHANISM", "TARGET", "HITS", "MISSED", "NS/HIT", "% CPU")


def hooks(
    arm: Annotated[
        bool, typer.Option("--arm", help="Arm them for a moment, so that the states say what would be.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Why nothing better was taken, a line per candidate.")
    ] = False,
    profile: ProfileOption = None,
    json: JsonOption = False,
) -> None:
    """List every hook: its state, the mechanism taken, hits and the time that one takes.

    % CPU is what all hits of the last second took of one CPU, as far as was measured.
    With --profile only those that serve its events, and the bookkeeping. Nothing is armed that nobody
    listens to: without a session all hooks are idle (see --arm).
    """
    import ksonde
    from ksonde.profiles import read

    known = None if profile is None else read(profile)
    with ExitStack() as stack:
        if arm:
            with ksonde.Device() as probe:
                events = list((known or read("sandbox")).events(probe.schema()))
            device = stack.enter_context(ksonde.open(events)).device
        else:
            device = stack.enter_context(ksonde.Device())
        rows = device.hooks()
        if known is not None:
            wanted = known.events(device.schema())
            rows = [row for row in rows if row.event is None or row.event in wanted]
    if json:
        from dataclasses import asdict
        from json import dumps

        typer.echo(dumps([asdict(row) for row in rows], indent=2))
        return
    typer.echo(_table(rows, verbose=verbose))
    idle = sum(row.state == "idle" for row in rows)
    if idle == len(rows):
        typer.echo("All are idle: nobody listens. `ksonde hooks --arm` arms them for a moment.", err=True)


def _table(rows: list[HookInfo], *, verbose: bool) -> str:
    from ksonde.text import printable, table

    lines = table(
        _HEAD,
        [
            (
                printable(row.name),
                row.event or "-",
                row.state if row.held in ("", row.state) else f"{row.state}, {row.held}",
                row.mechanism,
                printable(row.target) or "-",
                f"{row.hits:,}",
                f"{row.missed:,}",
                f"{row.timed_ns / row.timed_hits:,.0f}" if row.timed_hits else "-",
                f"{row.cost / 1e7:.2f}",
            )
            for row in rows
        ],
        right="<<<<<>>>>",
    ).split("\n")
    if not verbose:
        return "\n".join(lines)
    detailed = [lines[0]]
    for row, line in zip(rows, lines[1:]):
        detailed.append(line)
        detailed += [f"    {printable(sentence)}" for sentence in row.detail if sentence.strip()]
    return "\n".join(detailed)
