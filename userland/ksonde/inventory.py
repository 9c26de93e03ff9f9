# SPDX-License-Identifier: GPL-2.0-only
"""Who has asked the running kernel to be called: probes, tracers, hooks of packets, notifiers, programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import BadInspection, DriverError
from .inspection import Place, look
from .text import plural, printable
from .uapi import Inspect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["KINDS", "NOBODY", "Entry", "Kind", "inventory", "tree"]

#: As the driver names them.
KINDS = ("kprobes", "ftrace", "tracepoints", "netfilter", "notifiers", "binfmts", "bpf", "events")
#: An entry's owner, where there is none.
NOBODY = "nobody"
_OWNERS = ("known", "unknown", NOBODY)
_OURS = "ksonde"


@dataclass(frozen=True)
class Entry:
    """One callback.

    Attributes:
        name: of a chain, a point, a program; "" for what has none.
        detail: its state.
        at: the code that it is attached to, or the first of it.
        owner: known, unknown (this kernel does not let that be told), or nobody.
        function: that is called; None: there is none.
    """

    name: str
    detail: str
    at: tuple[Place, ...]
    owner: str
    function: Place | None

    @classmethod
    def parse(cls, found: Any) -> Entry:
        """An entry as the driver writes it.  KeyError, TypeError, ValueError."""
        owner = found["owner"]
        if owner not in _OWNERS:
            raise ValueError(f"owner is {owner!r}")
        function = found["function"]
        return cls(
            name=found["name"],
            detail=found["detail"],
            at=tuple(map(Place.parse, found["at"])),
            owner=owner,
            function=Place.parse(function) if function is not None else None,
        )

    @property
    def own(self) -> bool:
        """Whether it is ksonde's."""
        return self.function is not None and self.function.module == _OURS

    @property
    def unowned(self) -> bool:
        """Whether nobody owns what is called."""
        return self.owner == NOBODY

    def where(self) -> str:
        """What it is attached to, in words."""
        places = ", ".join(map(str, self.at))
        return " ".join(word for word in (self.name, places) if word)


@dataclass(frozen=True)
class Kind:
    """All callbacks of one kind.

    Attributes:
        name: of the kind.
        number, parts: it is that one (from 0) of so many.
        whole: all of them are known.
        why: not, or what else is to be said of them; "": nothing.
        entries: in the order in which the kernel has them.
    """

    name: str
    number: int
    parts: int
    whole: bool
    why: str
    entries: tuple[Entry, ...]

    @classmethod
    def parse(cls, found: dict[str, Any], number: int) -> Kind:
        """A kind as the driver writes it.

        Raises:
            BadInspection: it is not what it should look like.
        """
        try:
            return cls(
                name=found["part"],
                number=number,
                parts=found["parts"],
                whole=found["whole"],
                why=found["why"],
                entries=tuple(map(Entry.parse, found["entries"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadInspection(f"{type(error).__name__}: {error}") from error


def inventory() -> Iterator[Kind]:
    """Look at one kind after the other, each when it is asked for.

    Raises:
        KsondeError: the driver cannot be asked.
    """
    import errno

    number = 0
    while True:
        try:
            found = look(Inspect.INVENTORY, number)
        except DriverError as error:
            if error.errno == errno.ENOENT and number:
                return
            raise
        yield Kind.parse(found, number)
        number += 1


def tree(kinds: Iterable[Kind], unowned: bool = False) -> Iterator[str]:
    """The callbacks by kind, as lines for people.

    Args:
        kinds: that are shown.
        unowned: only what nobody owns.
    """
    for number, kind in enumerate(kinds):
        entries = [entry for entry in kind.entries if entry.unowned or not unowned]
        if number:
            yield ""
        lost = sum(entry.unowned for entry in kind.entries)
        note = f", {lost} of nobody" if lost else ""
        partly = "" if kind.whole else " (not all)"
        yield f"{printable(kind.name)}: {plural(len(kind.entries), 'callback')}{note}{partly}"
        if kind.why:
            yield f"   note: {printable(kind.why)}"
        width = min(max((len(entry.where()) for entry in entries), default=0), 48)
        for place, entry in enumerate(entries, 1):
            edge = "└─" if place == len(entries) else "├─"
            yield f"{edge} {printable(entry.where()).ljust(width)}  {_called(entry)}"


def _called(entry: Entry) -> str:
    words = printable(str(entry.function)) if entry.function is not None else "calls nobody"
    if entry.detail:
        words += f"  ({printable(entry.detail)})"
    if entry.own:
        words += "  *ksonde*"
    if entry.owner != "known":
        words += "  NO OWNER" if entry.unowned else "  OWNER UNKNOWN"
    return words
