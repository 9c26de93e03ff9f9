# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's text as it is now, compared with that of the image that it was booted from."""

from __future__ import annotations

import errno
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from ksonde import inspection, uapi
from ksonde.errors import BadInspection, DeviceMissing, DriverError, InspectionUnknown, KsondeError

from .image import Image, NoImage, find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksonde.device import Device

    from .compare import Difference, Known

__all__ = ["scan"]

_EVENT = 704
_ENTRIES_ONLY = "modules are not compared: their entries only"
#: Of the bytes of a finding.
_SHOWN = 16
_images: dict[str, Image] = {}


class _Live:
    """The running kernel, by the driver."""

    def __init__(self, device: Device) -> None:
        self._device = device
        try:
            self.symbols: Mapping[str, int] = device.inspect(uapi.Inspect.LAYOUT)["symbols"]
        except (KeyError, TypeError) as error:
            raise BadInspection(f"{type(error).__name__}: {error}") from error

    def code(self, address: int, size: int) -> bytes:
        """What is there now."""
        return self._device.code(address, size)

    def known(self, address: int) -> Known:
        """What the driver knows of it."""
        from .compare import Known

        found = self._device.inspect(uapi.Inspect.PLACE, address=address)
        try:
            place = inspection.Place.parse(found["place"])
            return Known(place, found["kprobe"], found["trampoline"], found["judged"])
        except (KeyError, TypeError) as error:
            raise BadInspection(f"{type(error).__name__}: {error}") from error


def scan(path: str | None = None) -> tuple[int, str, tuple[inspection.Finding, ...]]:
    """Compare.

    Args:
        path: of the image; None: it is looked for.

    Returns:
        How many bytes were compared, what was not ("" when all was), and what should not be so.

    Raises:
        KsondeError: the driver cannot be asked.
    """
    import ksonde

    try:
        if platform.machine() != "x86_64":
            raise NoImage("images are not compared on this architecture")
        with ksonde.Device() as device:
            live = _Live(device)
            return _compared(_image(path), live)
    except NoImage as error:
        return 0, f"{error}: entries only", ()
    except InspectionUnknown as error:
        return 0, str(error), ()
    except DriverError as error:
        if error.errno != errno.EPERM:
            raise
        return 0, "addresses may not be seen: that needs CAP_SYSLOG or CAP_SYS_ADMIN", ()
    except DeviceMissing as error:
        raise KsondeError(str(error), error.hint) from error


def _image(path: str | None) -> Image:
    """The image; unpacked once, and kept in memory."""
    release = platform.release()
    key = path if path is not None else ""
    if key not in _images:
        try:
            notes = Path("/sys/kernel/notes").read_bytes()
            version = Path("/proc/version").read_bytes().strip()
        except OSError as error:
            raise NoImage(f"the kernel does not say which build it is: {error}") from error
        _images[key] = find(release, notes, version, path)
    return _images[key]


def _compared(image: Image, live: _Live) -> tuple[int, str, tuple[inspection.Finding, ...]]:
    from .compare import compare

    result = compare(image, live)
    base = live.symbols["_stext"]
    findings = tuple(_finding(live, base, difference) for difference in result.differences)
    return result.checked, "; ".join([*result.why, _ENTRIES_ONLY]), findings


def _finding(live: _Live, base: int, difference: Difference) -> inspection.Finding:
    where = live.known(base + difference.offset).owner
    leads = difference.bad.leads
    expected, found = (
        f"{code[:_SHOWN].hex(' ')}{' ...' * (len(code) > _SHOWN)}"
        for code in (difference.expected, difference.found)
    )
    return inspection.Finding(
        where=f"{where.symbol}+{where.offset:#x}",
        what=f"{difference.bad.what}: {found}, in the image {expected}",
        place=live.known(leads).owner if leads is not None else None,
        event=_EVENT,
    )
