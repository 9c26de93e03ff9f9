# SPDX-License-Identifier: GPL-2.0-only
"""ksonde profile: named sets of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ksonde.errors import KsondeError

from .options import JsonOption, complete_profile

if TYPE_CHECKING:
    from pathlib import Path

    from ksonde.profiles import Profile
    from ksonde.schema import Schema

app = typer.Typer(
    help="List, show or check profiles: named sets of events, the driver's own and those of TOML files.",
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Named = Annotated[
    str,
    typer.Argument(
        ..., metavar="NAME", help="Its name, or the path of its file.", autocompletion=complete_profile
    ),
]


@app.command(name="list", short_help="List the profiles that there are.")
def list_(json: JsonOption = False) -> None:
    """List the profiles that there are: the driver's own, the user's, the system's."""
    from ksonde.profiles import listed
    from ksonde.text import printable, table

    rows = [_row(name, path) for name, path in listed().items()]
    if json:
        from json import dumps

        typer.echo(dumps(rows, indent=2))
        return
    lines = [
        (
            row["name"],
            row["extends"] or "-",
            row["path"] or "(the driver's)",
            row["error"] or row["description"],
        )
        for row in rows
    ]
    typer.echo(
        table(("PROFILE", "EXTENDS", "FILE", "WHAT"), [[printable(cell) for cell in line] for line in lines])
    )


def _row(name: str, path: Optional[Path]) -> dict[str, Any]:
    from ksonde.profiles import read

    row: dict[str, Any] = {"name": name, "path": path and str(path), "extends": None, "description": ""}
    try:
        profile = read(name)
    except (KsondeError, OSError) as error:
        return {**row, "error": str(error)}
    extends = profile.parent.name if profile.parent is not None else None
    return {**row, "extends": extends, "description": profile.description, "error": None}


@app.command(short_help="Show the events of a profile.")
def show(name: Named, json: JsonOption = False) -> None:
    """Show events, from where a profile has them, filters and limits; the module must be loaded."""
    import ksonde
    from ksonde.profiles import read
    from ksonde.text import printable

    profile = read(name)
    with ksonde.Device() as device:
        schema = device.schema()
    events = profile.events(schema)
    rules, limits = profile.rules(schema), profile.limits(schema)
    scan = profile.port_scan(schema)
    if json:
        from dataclasses import asdict
        from json import dumps

        chain = [{"name": one.name, "path": one.path and str(one.path)} for one in profile.chain()]
        shown = {"name": profile.name, "description": profile.description, "profiles": chain}
        filters = [asdict(rule) for rule in rules]
        limited = [asdict(limit) for limit in limits]
        said = {"events": events, "filters": filters, "limits": limited, "port_scan": asdict(scan)}
        typer.echo(dumps({**shown, **said}, indent=2))
        return
    typer.echo(_shown(profile, events, schema))
    if rules:
        typer.echo("\nfilters:\n" + "\n".join(f"  {printable(str(rule))}" for rule in rules))
    if limits:
        typer.echo("\nlimits:\n" + "\n".join(f"  {limit}" for limit in limits))
    if scan.given:
        typer.echo(f"\nport_scan: {scan}")


def _shown(profile: Profile, events: tuple[str, ...], schema: Schema) -> str:
    from ksonde.text import printable, table

    heads = [f"{one.name} ({one.path or 'of the driver'})" for one in profile.chain()]
    title = printable(", extends ".join(heads))
    if profile.description:
        title += f": {printable(profile.description)}"
    origin: dict[str, str] = {}
    for one in reversed(list(profile.chain())):
        for event in one.events(schema):
            origin.setdefault(event, one.name)
    rows = [(event, printable(origin[event]), printable(schema.event(event).doc)) for event in events]
    return f"{title}\n\n" + table(("EVENT", "FROM", "WHAT"), rows)


@app.command(short_help="Check the file of a profile.")
def check(
    file: Annotated[
        str,
        typer.Argument(
            ...,
            metavar="FILE",
            help="Path of the file, or the name of a profile.",
            autocompletion=complete_profile,
        ),
    ],
) -> None:
    """Check the file of a profile: its form, what it extends, and its events where the module is loaded."""
    from ksonde.device import Device
    from ksonde.profiles import read
    from ksonde.text import plural, printable

    profile = read(file)
    where = printable(str(profile.path or profile.name))
    try:
        with Device() as device:
            schema = device.schema()
    except KsondeError as error:
        typer.echo(f"{where}: well formed")
        typer.echo(
            f"ksonde: its events, filters and limits are not checked: {printable(str(error))}", err=True
        )
        return
    counts = (
        plural(len(profile.events(schema)), "event"),
        plural(len(profile.rules(schema)), "filter"),
        plural(len(profile.limits(schema)), "limit"),
        *(["port_scan"] if profile.port_scan(schema).given else []),
    )
    typer.echo(f"{where}: {', '.join(counts)}, no error")
