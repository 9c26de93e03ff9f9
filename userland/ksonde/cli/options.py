# SPDX-License-Identifier: GPL-2.0-only
"""What several commands share: how an option is read and completed, and how events are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Callable, Optional

import typer

from ksonde import text
from ksonde.errors import KsondeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ksonde.limits import Limit
    from ksonde.portscan import PortScan
    from ksonde.rules import Rule

#: The events of the stream itself: they come without being asked for.
ALWAYS = ("lost", "session_state")
#: Bytes of a CPU's ring.
RING = 4 << 20


def duration(value: Optional[str]) -> Optional[float]:
    """An option's TIME in seconds."""
    return None if value is None else text.parse_duration(value)


def interval(value: Optional[str]) -> Optional[float]:
    """An option's TIME in seconds, which may be 0."""
    return None if value is None else text.parse_interval(value)


def ring_bytes(value: Optional[str]) -> int:
    """An option's SIZE in bytes."""
    return RING if value is None else text.parse_size(value)


def checked(parse: Callable[[str], object]) -> Callable[[Optional[str]], Optional[str]]:
    """A callback that refuses what cannot be parsed: typer before 0.8 takes no parser."""

    def check(value: Optional[str]) -> Optional[str]:
        if value is not None:
            try:
                parse(value)
            except ValueError as error:
                raise typer.BadParameter(str(error)) from None
        return value

    return check


def complete_event(incomplete: str) -> list[str]:
    """Names of events that begin so: the loaded module is asked."""
    from ksonde.device import Device

    try:
        with Device() as device:
            names = ["all", *device.schema().events]
    except (KsondeError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def complete_profile(incomplete: str) -> list[str]:
    """Names of profiles that begin so."""
    from ksonde.profiles import listed

    return [name for name in listed() if name.startswith(incomplete)]


def split(names: Iterable[str]) -> list[str]:
    """The names of repeated and comma-separated options, each once."""
    every = (name.strip() for value in names for name in value.split(","))
    return list(dict.fromkeys(name for name in every if name))


def port_scan(value: Optional[str]) -> tuple[PortScan, tuple[Rule, ...]]:
    """An option's thresholds, and the rules that leave out who may scan."""
    from ksonde.portscan import parse

    return parse(value or "")


def chosen(names: Iterable[str], profile: Optional[str], scans: Optional[str] = None) -> dict[str, Any]:
    """What a session is to be opened with: events (None: the driver's default), rules, limits, port_scan.

    The events of --event, with those of --profile; `all` is every event that there is.
    """
    wanted = split(names)
    scan, rules = port_scan(scans)
    if not wanted and profile in (None, "default") and scans is None:
        return {"events": None}
    limits: tuple[Limit, ...] = ()
    if "all" in wanted or profile is not None:
        from ksonde.device import Device
        from ksonde.profiles import read

        # What is wrong with its file is said even where no module is loaded.
        known = None if profile is None else read(profile)
        with Device() as device:
            schema = device.schema()
        if known is not None:
            wanted += known.events(schema)
            rules, limits = (*known.rules(schema), *rules), known.limits(schema)
            scan = scan.over(known.port_scan(schema))
        if "all" in wanted:
            wanted += schema.events
    wanted = [name for name in dict.fromkeys(wanted) if name != "all"]
    events = [name for name in wanted if name not in ALWAYS] or wanted
    more = {"rules": rules, "limits": limits, "port_scan": scan if scan.given else None}
    return {"events": events or None, **{name: value for name, value in more.items() if value}}


#: Options that several commands have.
EventOption = Annotated[
    Optional[list[str]],
    typer.Option(
        "--event",
        "-e",
        metavar="NAME",
        help="Only these events (repeat, or separate by commas); all: all that `ksonde schema` lists.",
        autocompletion=complete_event,
    ),
]
ProfileOption = Annotated[
    Optional[str],
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Events, filters and limits, by name or path of a file; adds to --event. `ksonde profile list`.",
        autocompletion=complete_profile,
    ),
]
RingOption = Annotated[
    Optional[str],
    typer.Option(
        "--ring",
        callback=checked(text.parse_size),
        metavar="SIZE",
        help="Ring of each CPU, a power of two; else 4M.",
    ),
]
PortScanOption = Annotated[
    Optional[str],
    typer.Option(
        "--port-scan",
        callback=checked(port_scan),
        metavar="SETTINGS",
        help="What is a port_scan, and who may: ports=5,hosts=0,window=1m,loopback=no,allow=192.0.2.0/24.",
    ),
]
SnapshotOption = Annotated[
    bool,
    typer.Option(
        "--snapshot", help="Begin with what is there: processes, sockets, modules, mounts, USB devices."
    ),
]
ScanEveryOption = Annotated[
    Optional[str],
    typer.Option(
        "--scan-every",
        callback=checked(text.parse_interval),
        metavar="TIME",
        help="How often the kernel is scanned, where findings are among the events; 0: never; else 5m.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON, for programs.")]
