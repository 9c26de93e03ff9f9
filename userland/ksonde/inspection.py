# SPDX-License-Identifier: GPL-2.0-only
"""What the driver finds in the kernel itself: places in its code, and things that should not be so."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import BadInspection, DeviceMissing, KsondeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .device import Device
    from .uapi import Inspect

__all__ = ["Finding", "Place", "look"]


@dataclass(frozen=True)
class Place:
    """An address in the kernel, and who owns it.

    Attributes:
        symbol: the function there, "" when nothing there has a name.
        offset: behind the symbol's begin.
        module: "" for the kernel itself, or nobody.
        kernel: in the text of the kernel itself.
        address: hexadecimal; None: the caller may not see it.
    """

    symbol: str
    offset: int
    module: str
    kernel: bool
    address: str | None = None

    @classmethod
    def parse(cls, found: Any) -> Place:
        """A place as the driver writes it.  KeyError, TypeError."""
        return cls(
            symbol=found["symbol"],
            offset=found["offset"],
            module=found["module"],
            kernel=found["kernel"],
            address=found.get("address"),
        )

    def __str__(self) -> str:
        name = self.symbol + (f"+{self.offset:#x}" if self.offset else "")
        if not name:
            name = self.address or "an address"
        if self.module:
            return f"{name} [{self.module}]"
        return name if self.kernel else f"{name} [no owner]"


@dataclass(frozen=True)
class Finding:
    """Something that should not be so.

    Attributes:
        where: hook, table, ...
        what: a sentence.
        place: the code that it is about, if any.
        event: number of the event that it is; None: of none.
        more: what else the event's record has, by the names of its fields.
    """

    where: str
    what: str
    place: Place | None = None
    event: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f": {self.place}" if self.place is not None else "")


def look(what: Inspect, part: int = 0, device: Device | None = None) -> dict[str, Any]:
    """What the driver finds.

    Args:
        what: to look at.
        part: of it, where it has parts.
        device: to ask; None: one that is opened for it.

    Raises:
        KsondeError: also where there is no device: the commands that look have another use for its exit code.
    """
    import ksonde

    try:
        with ksonde.Device() if device is None else contextlib.nullcontext(device) as asked:
            found = asked.inspect(what, part)
    except DeviceMissing as error:
        raise KsondeError(str(error), error.hint) from error
    if not isinstance(found, dict) or found.get("inspect") != 1:
        raise BadInspection("it is of another version")
    return found
