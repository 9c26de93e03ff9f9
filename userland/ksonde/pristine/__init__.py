# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's code as it is now, compared with that of the image and of the modules' files."""

from __future__ import annotations

import errno
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from ksonde import inspection, uapi
from ksonde.errors import BadInspection, DeviceMissing, DriverError, InspectionUnknown, KsondeError

from .image import Image, NoImage, find

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ksonde.device import Device

    from .compare import Difference, Known

__all__ = ["Answer", "scan", "scan_modules"]

#: How many bytes were compared, what was not ("" when all was), and what should not be so.
Answer = tuple[int, str, tuple[inspection.Finding, ...]]

_EVENT = 704
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


def scan(path: str | None = None) -> Answer:
    """Compare the kernel's own text.

    Args:
        path: of the image; None: it is looked for.

    Raises:
        KsondeError: the driver cannot be asked.
    """
    return _answered(lambda live: _compared(_image(path), live))


def scan_modules(path: str | None = None, more: Sequence[Path] = ()) -> Answer:
    """Compare the modules' code.

    Args:
        path: of the kernel's image; None: it is looked for.
        more: where modules' files are looked for before the usual places.

    Raises:
        KsondeError: the driver cannot be asked.
    """
    return _answered(lambda live: _compared_modules(_image(path), live, more))


def _answered(ask: Callable[[_Live], Answer]) -> Answer:
    """What it finds out of the running kernel, or why that could not be."""
    import ksonde

    try:
        if platform.machine() != "x86_64":
            raise NoImage("images are not compared on this architecture")
        with ksonde.Device() as device:
            return ask(_Live(device))
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


def _compared(image: Image, live: _Live) -> Answer:
    from .compare import compare

    result = compare(image, live)
    base = live.symbols["_stext"]
    findings = tuple(_finding(live, base, difference) for difference in result.differences)
    return result.checked, "; ".join(result.why), findings


def _compared_modules(image: Image, live: _Live, more: Sequence[Path]) -> Answer:
    from ksonde.module import BUILT

    from .module_text import ModuleText
    from .modules import Files

    files = Files(Path("/lib/modules", platform.release()), [*more, *BUILT])
    checked, why, changed = ModuleText(image, live, files, Path("/sys/module")).compare()
    findings = tuple(_finding(live, one.base, one.difference, one.module) for one in changed)
    return checked, "; ".join(why), findings


def _finding(live: _Live, base: int, difference: Difference, module: str = "") -> inspection.Finding:
    where = live.known(base + difference.offset).owner
    leads = difference.bad.leads
    expected, found = (
        f"{code[:_SHOWN].hex(' ')}{' ...' * (len(code) > _SHOWN)}"
        for code in (difference.expected, difference.found)
    )
    return inspection.Finding(
        where=f"{where.symbol}+{where.offset:#x}" + (f" [{module}]" if module else ""),
        what=f"{difference.bad.what}: {found}, in the {'file' if module else 'image'} {expected}",
        place=live.known(leads).owner if leads is not None else None,
        event=_EVENT,
    )
