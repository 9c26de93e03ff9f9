# SPDX-License-Identifier: GPL-2.0-only
"""Whether the running kernel is still the one that was booted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .crossview import Compared, CrossView
from .errors import BadInspection, DriverError
from .inspection import Finding, Place, look
from .uapi import Inspect

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence
    from pathlib import Path

    from .device import Device

__all__ = ["Part", "scan"]

#: What each finding has in the driver's text.
_OF_ALL = frozenset({"event", "where", "what", "place"})


@dataclass(frozen=True)
class Part:
    """What a scan says of one part of the kernel.

    Attributes:
        name: of the part.
        number, parts: it is that one (from 0) of so many.
        checked: slots, gates, modules.
        why: it could not be looked at, or not all of it; "" when it could.
        findings: what should not be so.
        seen: all that the kernel has of it, for comparison; None: the driver tells none.
    """

    name: str
    number: int
    parts: int
    checked: int
    why: str
    findings: tuple[Finding, ...]
    seen: tuple[Hashable, ...] | None = None

    @classmethod
    def parse(cls, found: dict[str, Any], number: int) -> Part:
        """A part as the driver writes it.

        Raises:
            BadInspection: it is not what it should look like.
        """
        try:
            return cls(
                name=found["part"],
                number=number,
                parts=found["parts"],
                checked=found["checked"],
                why=found["why"],
                findings=tuple(
                    Finding(
                        where=finding["where"],
                        what=finding["what"],
                        place=Place.parse(finding["place"]) if finding["place"] is not None else None,
                        event=finding["event"],
                        more={name: value for name, value in finding.items() if name not in _OF_ALL},
                    )
                    for finding in found["findings"]
                ),
                seen=tuple(found["seen"]) if "seen" in found else None,
            )
        except (KeyError, TypeError) as error:
            raise BadInspection(f"{type(error).__name__}: {error}") from error


def scan(
    device: Device | None = None,
    *,
    image: str | None = None,
    modules: Sequence[Path] = (),
    whole: bool = True,
) -> Iterator[Part]:
    """Look at one part after the other, each when it is asked for: the driver's, then those of user space.

    Args:
        device: to ask; None: one that is opened for each part.
        image: of the running kernel, for the parts text and module_text; None: where distributions put it.
        modules: folders or files where modules' files are looked for, before those of the running kernel.
        whole: with these two parts, which take seconds and some 100 MB, and shown_sockets, for which modules
            are loaded.

    Raises:
        KsondeError: the driver cannot be asked.
    """
    import errno

    number = 0
    compared = [name for name in _COMPARED if whole or name != _LOADS]
    own = len(compared) + 2 * whole
    parts: dict[str, Part] = {}
    while True:
        try:
            part = Part.parse(look(Inspect.INTEGRITY, number, device), number)
        except DriverError as error:
            if error.errno == errno.ENOENT and number:
                break
            raise
        number += 1
        parts[part.name] = part
        yield replace(part, parts=part.parts + own)
    for part in _compared(parts, device, compared):
        number += 1
        yield replace(part, parts=len(parts) + own)
    if whole:
        from . import pristine

        yield Part("text", number, number + 2, *pristine.scan(image))
        yield Part("module_text", number + 1, number + 2, *pristine.scan_modules(image, modules))


def _compared(parts: dict[str, Part], device: Device | None, names: list[str]) -> Iterator[Part]:
    """What user space is shown, compared with what the driver knows."""

    def seen(name: str) -> tuple[Hashable, ...]:
        number = parts[name].number
        return Part.parse(look(Inspect.INTEGRITY, number, device), number).seen or ()

    view = CrossView(seen)
    for number, name in enumerate(names, len(parts)):
        of, compare = _COMPARED[name]
        if of is not None and (of not in parts or parts[of].seen is None):
            compared = Compared(why="this driver does not tell what there is")
        else:
            compared = compare(view)
        yield Part(name, number, 0, compared.checked, compared.why, compared.findings)


#: It has the kernel load modules, the first time.
_LOADS = "shown_sockets"
#: Parts of user space: the driver's part that they compare with, if any, and how.
_COMPARED: dict[str, tuple[str | None, Callable[[CrossView], Compared]]] = {
    "shown_processes": ("processes", CrossView.processes),
    "shown_modules": ("modules", CrossView.modules),
    _LOADS: (None, CrossView.sockets),
}
