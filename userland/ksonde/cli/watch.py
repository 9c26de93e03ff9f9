# SPDX-License-Identifier: GPL-2.0-only
"""ksonde watch: live events."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ksonde.text import parse_duration

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
    split,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ksonde.session import Session

EPILOG = """\b
Examples:
  ksonde watch                              all of the default profile
  ksonde watch --event connect --for 20s    connections, for 20 seconds
  ksonde watch --json | jq .process.exe     JSON lines, for programs
  ksonde watch --event all -- make test     what a command and its children do

With a COMMAND its exit code is ksonde's; with --json its output goes to standard error.
When --for or --count ends the watch first, it gets SIGTERM, and SIGKILL 5 s later."""


#: Seconds.
FIRST_SCAN = 1.0


class Color(str, Enum):
    """When to colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def watch(  # noqa: PLR0913, PLR0917 - a command has as many parameters as options
    command: Annotated[
        Optional[list[str]],
        typer.Argument(
            ...,
            metavar="COMMAND [ARG]",
            help="Follow this command and what it starts, until it ends.",
            show_default=False,
        ),
    ] = None,
    event: EventOption = None,
    profile: ProfileOption = None,
    pid: Annotated[
        Optional[int],
        typer.Option("--pid", "-p", metavar="PID", min=1, help="Only this process and what it starts."),
    ] = None,
    seconds: Annotated[
        Optional[str],
        typer.Option(
            "--for", callback=checked(parse_duration), metavar="TIME", help="End after 500ms, 20s, 2m."
        ),
    ] = None,
    count: Annotated[
        Optional[int], typer.Option("--count", "-n", metavar="N", min=1, help="End after N events.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON lines instead of text.")] = False,
    ancestry: Annotated[
        bool, typer.Option("--ancestry", "-a", help="Show the ancestors of each process.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Every field, nothing shortened, and what the session itself does."
        ),
    ] = False,
    summary: Annotated[
        bool,
        typer.Option("--summary/--no-summary", help="End with events by kind, and lost (standard error)."),
    ] = True,
    output: Annotated[
        Optional[str], typer.Option("--output", "-o", metavar="FILE", help="Write the events to FILE.")
    ] = None,
    color: Annotated[
        Color,
        typer.Option(
            "--color", show_default=False, help="Colours; auto: on a terminal, unless NO_COLOR is set."
        ),
    ] = Color.AUTO,
    ring: RingOption = None,
    port_scan: PortScanOption = None,
    snapshot: SnapshotOption = False,
    scan_every: ScanEveryOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the module is loaded.")] = False,
) -> int:
    """Show what happens, live, until Ctrl-C (or the end of COMMAND)."""
    import ksonde
    from ksonde.command import Command
    from ksonde.output import open_output
    from ksonde.scanner import Scanner
    from ksonde.watching import Signals, Watch

    if command and pid is not None:
        raise typer.BadParameter("a COMMAND is followed already", param_hint="'--pid'")
    if wait:
        ksonde.wait_for_device()
    what = chosen(event or (), profile, port_scan)
    with ExitStack() as stack:
        # The command comes first, so that it inherits nothing of what is opened for us.
        apart = sys.stderr.fileno() if json and command and output is None else None
        child = stack.enter_context(Command(command, stdout=apart)) if command else None
        signals = stack.enter_context(Signals())
        session = stack.enter_context(
            ksonde.open(**what, ring_bytes=ring_bytes(ring), follow=child.pid if child is not None else pid)
        )
        out = stack.enter_context(
            open_output(
                session.device.schema(),
                session.events,
                path=output,
                as_json=json,
                color=None if color is Color.AUTO else color is Color.ALWAYS,
                ancestry=ancestry,
                verbose=verbose,
                own=verbose or "session_state" in split(event or ()),
            )
        )
        announce(session)
        # What is found is nobody's doing, so it is nothing of a process that is followed.
        followed = child is not None or pid is not None
        every = 0.0 if followed else interval(scan_every)
        # Who only looks in for a moment shall not pay for a scan.
        scanner = stack.enter_context(Scanner(session, every, first=FIRST_SCAN))
        watching = Watch(
            session,
            out.write,
            signals,
            command=child,
            seconds=duration(seconds),
            count=count,
            reader=out.fileno(),
            scanner=scanner,
        )
        try:
            if snapshot:
                out.snapshot(taken())
            watching.run()
        except BrokenPipeError:
            from . import hush

            hush()
            summary = False
        if summary:
            sys.stdout.flush()
            print(watching.summary, file=sys.stderr, flush=True)
        return 0 if child is None else child.end()


def taken() -> Iterator[dict[str, Any]]:
    """What is there, line by line; on standard error what could not be looked at."""
    from ksonde.enrich.snapshot import Snapshot
    from ksonde.text import printable

    look = Snapshot()
    yield from look.take()
    for kind, why in look.missing.items():
        print(f"ksonde: the snapshot lacks each {kind}: {printable(why)}", file=sys.stderr, flush=True)


def announce(session: Session) -> None:
    """On standard error: what is recorded (to a person), and what cannot be (always)."""
    from ksonde.text import printable

    for hook in session.device.hooks():
        if hook.state == "unavailable" and hook.event in session.events:
            why = printable("; ".join(hook.detail) or "no way to attach it")
            print(
                f"ksonde: {hook.event} is incomplete, hook {hook.name} is unavailable: {why}", file=sys.stderr
            )
    if sys.stderr.isatty():
        own = f" (but of process {session.skipped}, which is ksonde itself)" if session.skipped else ""
        print(f"ksonde: watching {', '.join(session.events)}{own}; Ctrl-C ends", file=sys.stderr)
        for rule in session.rules:
            print(f"ksonde: filter: {printable(str(rule))}", file=sys.stderr)
        for limit in session.limits:
            print(f"ksonde: limit: {limit}", file=sys.stderr)
    sys.stderr.flush()
