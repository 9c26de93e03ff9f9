# SPDX-License-Identifier: GPL-2.0-only
"""Whether the running kernel is still the one that was booted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .errors import BadInspection, DriverError
from .inspection import Finding, Place, look
from .uapi import Inspect

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Part", "scan"]


@dataclass(frozen=True)
class Part:
    """What a scan says of one part of the kernel.

    Attributes:
        name: of the part.
        number, parts: it is that one (from 0) of so many.
        checked: slots, gates, modules.
        why: it could not be looked at, or not all of it; "" when it could.
        findings: what should not be so.
    """

    name: str
    number: int
    parts: int
    checked: int
    why: str
    findings: tuple[Finding, ...]

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
                    )
                    for finding in found["findings"]
                ),
            )
        except (KeyError, TypeError) as error:
            raise BadInspection(f"{type(error).__name__}: {error}") from error


def scan(image: str | None = None) -> Iterator[Part]:
    """Look at one part after the other, each when it is asked for.

    Args:
        image: of the running kernel, for the part `text`; None: where distributions put it.

    Raises:
        KsondeError: the driver cannot be asked.
    """
    import errno

    number = 0
    while True:
        try:
            found = look(Inspect.INTEGRITY, number)
        except DriverError as error:
            if error.errno == errno.ENOENT and number:
                break
            raise
        part = Part.parse(found, number)
        yield replace(part, parts=part.parts + 1)
        number += 1
    from . import pristine

    checked, why, findings = pristine.scan(image)
    yield Part("text", number, number + 1, checked, why, findings)
