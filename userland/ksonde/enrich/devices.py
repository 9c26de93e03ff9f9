# SPDX-License-Identifier: GPL-2.0-only
"""What udev knows of USB devices: of those that are there, and of those that were when they are unplugged.

When the kernel tells of a new device udev's rules may not have run: then only what the kernel itself shows is
there, and "initialized" is false.  Nobody waits for udev.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ksonde.record import Record

__all__ = ["Devices", "attribute", "known_of", "present"]

#: Devices that are remembered.
_REMEMBERED = 256
_REMOVED = 2

#: Names here, and udev's properties: the first that there is.
_PROPERTIES = {
    "vendor": ("ID_VENDOR_FROM_DATABASE", "ID_VENDOR"),
    "model": ("ID_MODEL_FROM_DATABASE", "ID_MODEL"),
    "serial": ("ID_SERIAL",),
}
#: The kernel's attributes, in sysfs.
_ATTRIBUTES = ("speed", "removable", "authorized")


class Devices:
    """Tells of the device of a usb_device record."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._context: Any = None

    def of(self, record: Record) -> Optional[dict[str, Any]]:
        """What is known; None: of another event, or nothing is known."""
        if record.event != "usb_device" or not record.device_path:
            return None
        path = record.device_path
        if record.action == _REMOVED:
            return self._known.pop(path, None)
        found = self._look(path)
        if found is not None:
            self._remember(path, found)
        return found

    def look_around(self) -> None:
        """Remember those that are there, for when they go."""
        context = self._open()
        if context is not None:
            for device in present(context):
                self._remember(device.device_path, known_of(device))

    def _remember(self, path: str, known: dict[str, Any]) -> None:
        self._known[path] = known
        self._known.move_to_end(path)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _open(self) -> Any:
        """What udev is asked by; None: it is not there."""
        if self._context is None:
            try:
                from pyudev import Context

                self._context = Context()
            except (ImportError, OSError):
                return None
        return self._context

    def _look(self, path: str) -> Optional[dict[str, Any]]:
        context = self._open()
        if context is None:
            return None
        from pyudev import DeviceNotFoundError
        from pyudev import Devices as Known

        try:
            return known_of(Known.from_path(context, path))
        except (DeviceNotFoundError, OSError, ValueError):
            # It has gone already.
            return None


def present(context: Any) -> Iterator[Any]:
    """The USB devices that are there, without their interfaces."""
    yield from context.list_devices(subsystem="usb", DEVTYPE="usb_device")


def known_of(device: Any) -> dict[str, Any]:
    """What udev knows of a device; what is not known is None."""
    known: dict[str, Any] = {"initialized": bool(device.is_initialized)}
    for name, properties in _PROPERTIES.items():
        known[name] = next(filter(None, (_property(device, one) for one in properties)), None)
    known["node"] = device.device_node
    known["driver"] = device.driver
    for name in _ATTRIBUTES:
        known[name] = attribute(device, name)
    return known


def attribute(device: Any, name: str) -> Optional[str]:
    """An attribute of sysfs as text; None: it has none."""
    try:
        value: Optional[bytes] = device.attributes.get(name)
    except OSError:
        return None
    return None if value is None else value.decode(errors="surrogateescape").removesuffix("\n")


def _property(device: Any, name: str) -> Optional[str]:
    try:
        value: Optional[str] = device.properties.get(name)
    except UnicodeDecodeError:
        return None
    return value
