# SPDX-License-Identifier: GPL-2.0-only
"""What udev knows of USB devices."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from fakes import DECODER, FakeContext, UsbDevice
from ksonde.enrich.devices import Devices
from ksonde.output import devices_of, json_line
from ksonde.record import Record
from support import build_record

PATH = "/devices/pci0/usb1/1-2"
ADDED, REMOVED = 1, 2


class NotFound(Exception):
    pass


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> FakeContext:
    """What is plugged in; pyudev with nothing else."""
    context = FakeContext([])

    def from_path(asked: FakeContext, path: str) -> UsbDevice:
        assert asked is context
        for device in context.devices:
            if device.device_path == path:
                return device
        raise NotFound

    module = types.ModuleType("pyudev")
    vars(module).update(
        Context=lambda: context,
        Devices=types.SimpleNamespace(from_path=from_path),
        DeviceNotFoundError=NotFound,
    )
    monkeypatch.setitem(sys.modules, "pyudev", module)
    return context


def usb(action: int, path: str | None = PATH) -> Record:
    return DECODER.decode(build_record("usb_device", {"action": action, "device_path": path}))


def test_known(context: FakeContext) -> None:
    device = UsbDevice(PATH, {"speed": b"480\n", "removable": b"\n"}, ID_MODEL="a_b", ID_SERIAL="S")
    context.devices.append(device)
    assert Devices().of(usb(ADDED)) == {
        "initialized": True,
        "vendor": None,
        "model": "a_b",
        "serial": "S",
        "node": "/dev/bus/usb/001/012",
        "driver": "usb",
        "speed": "480",
        "removable": "",
        "authorized": None,
    }


def test_gone(context: FakeContext) -> None:
    """It is told what was known, once; of what was there before, too."""
    context.devices += [UsbDevice(PATH), UsbDevice("/devices/other")]
    devices = Devices()
    devices.look_around()
    context.devices.clear()
    known = devices.of(usb(REMOVED))
    assert known is not None
    assert known["vendor"] == "Linux Foundation"
    assert devices.of(usb(REMOVED)) is None
    assert devices.of(usb(ADDED)) is None
    context.devices.append(UsbDevice(PATH))
    assert devices.of(usb(ADDED)) == known
    context.devices.clear()
    assert devices.of(usb(REMOVED)) == known


def test_not_many_are_remembered(context: FakeContext) -> None:
    context.devices += [UsbDevice(f"/devices/{number}") for number in range(300)]
    devices = Devices()
    devices.look_around()
    assert devices.of(usb(REMOVED, "/devices/1")) is None
    assert devices.of(usb(REMOVED, "/devices/299")) is not None


def test_what_is_none(context: FakeContext) -> None:
    assert not context.devices
    devices = Devices()
    assert devices.of(DECODER.decode(build_record("exit", {}))) is None
    assert devices.of(usb(ADDED, None)) is None


class Odd(dict[str, Any]):
    """Properties that nobody can decode."""

    def get(self, name: str, _default: Any = None) -> Any:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, name)


class Refused(dict[str, Any]):
    """Attributes that cannot be read."""

    def get(self, name: str, _default: Any = None) -> Any:
        raise OSError(5, name)


def test_odd(context: FakeContext) -> None:
    device = UsbDevice(PATH)
    device.properties = Odd()
    device.attributes = Refused()
    context.devices.append(device)
    known = Devices().of(usb(ADDED))
    assert known is not None
    assert known["vendor"] is known["speed"] is None


def test_without_udev(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyudev", None)
    devices = Devices()
    devices.look_around()
    assert devices.of(usb(ADDED)) is None


def test_in_json(context: FakeContext) -> None:
    context.devices.append(UsbDevice(PATH))
    assert devices_of(["exit"]) is None
    devices = devices_of(["exit", "usb_device"])
    assert '"udev":{"initialized":true,"vendor":"Linux Foundation"' in json_line(usb(ADDED), None, devices)
    assert "udev" not in json_line(DECODER.decode(build_record("exit", {})), None, devices)
