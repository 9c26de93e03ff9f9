# SPDX-License-Identifier: GPL-2.0-only
"""ksonde agent: the service that keeps the events."""

from __future__ import annotations

import sys
from typing import Annotated, Optional

import typer

from ksonde.text import parse_duration, plural

from . import exit  # noqa: A004
from .options import (
    EventOption,
    PortScanOption,
    ProfileOption,
    RingOption,
    ScanEveryOption,
    SnapshotOption,
    checked,
    chosen,
    duration,
    interval,
    ring_bytes,
)

LOG = "/var/log/ksonde/events.jsonl"


def agent(
    event: EventOption = None,
    profile: ProfileOption = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Append the events to FILE.")
    ] = LOG,
    sync: Annotated[
        Optional[str],
        typer.Option(
            "--sync",
            callback=checked(parse_duration),
            metavar="TIME",
            help="How long an event may stay off the disk; 1s if not given.",
        ),
    ] = None,
    ring: RingOption = None,
    port_scan: PortScanOption = None,
    snapshot: SnapshotOption = False,
    scan_every: ScanEveryOption = None,
) -> int:
    """Append what happens to a file, as JSON lines, until SIGTERM; SIGHUP opens the file anew.

    This is what ksonde-agent.service runs. A full disk makes it wait: the rings keep what they can hold, and
    the stream says what they could not.
    """
    import ksonde
    from ksonde.agent import Agent, Log
    from ksonde.enrich.containers import Containers
    from ksonde.notify import Notifier
    from ksonde.output import devices_of
    from ksonde.scanner import Scanner
    from ksonde.watching import Signals

    from .watch import announce, taken

    notifier = Notifier()
    with (
        Signals() as signals,
        ksonde.open(**chosen(event or (), profile, port_scan), ring_bytes=ring_bytes(ring)) as session,
        Log(output, session.events, Containers(), devices_of(session.events)) as log,
        Scanner(session, interval(scan_every)) as scanner,
    ):
        announce(session)
        if snapshot:
            log.add_lines(taken())
        limit = duration(sync)
        sync_after = 1.0 if limit is None else limit
        keeper = Agent(session, log, signals, notifier, sync=sync_after, scanner=scanner)
        try:
            keeper.run()
        finally:
            print(keeper.summary, file=sys.stderr, flush=True)
            notifier.close()
        if keeper.unwritten:
            print(f"ksonde: {plural(keeper.unwritten, 'line')} could not be written", file=sys.stderr)
            return exit.ERROR
        return exit.OK
