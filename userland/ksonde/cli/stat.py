# SPDX-License-Identifier: GPL-2.0-only
"""ksonde stat: how many events, and whether any get lost."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from ksonde.text import parse_duration

from .options import (
    EventOption,
    JsonOption,
    PortScanOption,
    ProfileOption,
    RingOption,
    checked,
    chosen,
    duration,
    ring_bytes,
)


def stat(
    seconds: Annotated[
        Optional[str],
        typer.Option(
            "--for",
            callback=checked(parse_duration),
            metavar="TIME",
            help="How long to count; 5s if not given.",
        ),
    ] = None,
    event: EventOption = None,
    profile: ProfileOption = None,
    ring: RingOption = None,
    port_scan: PortScanOption = None,
    read: Annotated[
        bool,
        typer.Option(
            "--read/--no-read", help="Read the rings; --no-read shows how they fill and when they drop."
        ),
    ] = True,
    json: JsonOption = False,
) -> None:
    """Count events for some time: rates, drops by reason, how full the rings get, what each filter held back.

    Statistics belong to a session, so this is one of its own; Ctrl-C ends it early.
    """
    import ksonde
    from ksonde.statistics import count
    from ksonde.watching import Signals

    what = chosen(event or (), profile, port_scan)
    with Signals() as signals, ksonde.open(**what, ring_bytes=ring_bytes(ring)) as session:
        counted = count(session, duration(seconds) or 5.0, signals, read=read)
    if json:
        from dataclasses import asdict
        from json import dumps

        typer.echo(dumps(asdict(counted), indent=2))
    else:
        typer.echo(str(counted))
