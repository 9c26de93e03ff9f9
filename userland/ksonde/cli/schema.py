# SPDX-License-Identifier: GPL-2.0-only
"""ksonde schema: what the loaded module can record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from .options import JsonOption, complete_event

if TYPE_CHECKING:
    from ksonde.schema import EventSchema, Field, Schema

_PROFILES = {"D": "default", "S": "sandbox", "-": "always"}


def schema(
    event: Annotated[
        Optional[str],
        typer.Argument(
            ..., metavar="[EVENT]", help="The fields of this event.", autocompletion=complete_event
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the events that the loaded module can record, or the fields of one."""
    import ksonde

    with ksonde.Device() as device:
        served = device.schema()
    if event is not None:
        one = served.event(event)
        typer.echo(_part(served, one) if json else _fields(served, one))
    elif json:
        typer.echo(served.text)
    else:
        typer.echo(_events(served))


def _events(served: Schema) -> str:
    from ksonde.text import printable, table

    rows = [
        (str(one.id), one.name, _PROFILES.get(one.profile, one.profile), printable(one.doc))
        for one in sorted(served.events.values(), key=lambda one: one.id)
    ]
    head = f"module {printable(served.driver)}, schema {served.version}, ABI {served.abi}"
    return head + "\n\n" + table(("ID", "EVENT", "PROFILE", "WHAT"), rows, right=">")


def _fields(served: Schema, one: EventSchema) -> str:
    from ksonde.text import printable, table

    def rows(fields: tuple[Field, ...]) -> str:
        head = ("FIELD", "TYPE", "FORMAT", "WHAT")
        return table(head, [(f.name, f.type, f.format or "-", printable(f.doc)) for f in fields])

    profile = _PROFILES.get(one.profile, one.profile)
    parts = [f"{one.name} ({one.id}, profile {profile}): {printable(one.doc)}", rows(one.fields)]
    if one.has_context:
        parts += ["who did it, as in every record of a process:", rows(served.context)]
    return "\n\n".join(parts)


def _part(served: Schema, one: EventSchema) -> str:
    from json import dumps, loads

    parts = [part for part in loads(served.text)["events"] if part["id"] == one.id]
    return dumps(parts[0], indent=2)
