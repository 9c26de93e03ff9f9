# SPDX-License-Identifier: GPL-2.0-only
"""The driver's description of its records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """A field: of the header, of the context or of an event."""

    name: str
    type: str
    offset: int
    format: str
    doc: str
    #: the name as an attribute of a record: name, or name + "_" where name is taken
    attribute: str


@dataclass(frozen=True)
class EventSchema:
    """An event."""

    id: int
    name: str
    profile: str
    doc: str
    size: int
    has_context: bool
    fields: tuple[Field, ...]


class Schema:
    """All events of a driver."""

    abi: int
    version: int
    driver: str
    text: str
    header: tuple[Field, ...]
    context: tuple[Field, ...]
    events: dict[str, EventSchema]
    by_id: dict[int, EventSchema]

    @classmethod
    def parse(cls, text: str | bytes) -> Schema:
        """Parse the JSON text that the driver serves.  BadSchema, SchemaTooNew, VersionMismatch."""
        raise NotImplementedError

    def profile(self, letter: str = "D") -> tuple[str, ...]:
        """Names of the events of a profile: "D" default, "S" sandbox (with everything of D)."""
        raise NotImplementedError

    def event(self, name: str) -> EventSchema:
        """The event of that name.  UnknownEvent."""
        raise NotImplementedError
