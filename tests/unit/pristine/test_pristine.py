# SPDX-License-Identifier: GPL-2.0-only
"""The part `text` of a scan: what is asked of the driver, and what is said of it."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

import ksonde
from ksonde import pristine
from ksonde.errors import BadInspection, DeviceMissing, DriverError, InspectionUnknown, KsondeError
from ksonde.inspection import Finding, Place
from ksonde.pristine.image import Image, NoImage, parse
from ksonde.uapi import Inspect
from pristine_elf import BASE, make

TEXT = b"\x48\x89\xf8" * 64
PLACE = {"symbol": "f", "offset": 4, "module": "", "kernel": True, "address": "0x1"}


class Device:
    """A driver of a kernel that has nothing but a text."""

    def __init__(self) -> None:
        self.text = bytearray(TEXT)
        self.fails: Exception | None = None
        self.answers: dict[Inspect, Any] = {
            Inspect.LAYOUT: {"symbols": {"_text": BASE, "_stext": BASE, "_etext": BASE + len(TEXT)}},
            Inspect.PLACE: {"place": PLACE, "kprobe": -1, "trampoline": False, "judged": True},
        }

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def inspect(self, what: Inspect, part: int = 0, address: int = 0) -> Any:
        del part, address
        if self.fails is not None:
            raise self.fails
        return self.answers[what]

    def code(self, address: int, size: int) -> bytes:
        return bytes(self.text[address - BASE : address - BASE + size])


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    driver = Device()

    def image(path: str | None) -> Image:
        if path is not None:
            raise NoImage(f"{path} is none")
        return parse("vmlinux", make({".text": (BASE, TEXT)}))

    monkeypatch.setattr(ksonde, "Device", lambda: driver)
    monkeypatch.setattr(pristine, "_image", image)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("ksonde.pristine.compare._PAUSE", 0)
    return driver


def test_nothing_is_found(device: Device) -> None:
    checked, why, findings = pristine.scan()
    assert (checked, findings) == (len(TEXT), ())
    assert why.startswith("tables that were not found: ")
    del device


def test_a_finding(device: Device) -> None:
    device.text[9:12] = b"\x31\xc0\xc3"
    device.text[30:60] = b"\xf4" * 30
    _, _, findings = pristine.scan()
    what = "the code was changed: 31 c0 c3, in the image 48 89 f8"
    assert findings[0] == Finding("f+0x4", what, None, 704)
    assert findings[1].what.endswith(" ..., in the image " + (b"\x48\x89\xf8" * 6)[:16].hex(" ") + " ...")


def test_a_finding_that_leads_somewhere(device: Device) -> None:
    device.text[9:14] = b"\xe9\0\0\0\x10"
    _, _, (finding,) = pristine.scan()
    assert finding.place == Place("f", 4, "", True, "0x1")


def test_no_image(device: Device) -> None:
    assert pristine.scan("x") == (0, "x is none: entries only", ())
    del device


def test_another_architecture(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert pristine.scan() == (0, "images are not compared on this architecture: entries only", ())
    del device


def test_who_may_not(device: Device) -> None:
    device.fails = DriverError("ioctl INSPECT", errno.EPERM, "Operation not permitted")
    assert pristine.scan()[1] == "addresses may not be seen: that needs CAP_SYSLOG or CAP_SYS_ADMIN"
    device.fails = InspectionUnknown("layout")
    assert pristine.scan()[1] == "the loaded module cannot inspect layout"
    device.fails = DriverError("ioctl INSPECT", errno.ENOMEM, "Cannot allocate memory")
    with pytest.raises(DriverError):
        pristine.scan()
    device.fails = DeviceMissing("/dev/ksonde")
    with pytest.raises(KsondeError) as caught:
        pristine.scan()
    assert not isinstance(caught.value, DeviceMissing)


def test_damaged_answers(device: Device) -> None:
    device.text[9] = 0
    device.answers[Inspect.PLACE] = {}
    with pytest.raises(BadInspection):
        pristine.scan()
    device.answers[Inspect.LAYOUT] = []
    with pytest.raises(BadInspection):
        pristine.scan()


def test_the_image_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = parse("vmlinux", make({".text": (BASE, TEXT)}))
    calls: list[Any] = []

    def find(*arguments: Any) -> Image:
        calls.append(arguments[3])
        return found

    monkeypatch.setattr(pristine, "find", find)
    monkeypatch.setattr(pristine, "_images", {})
    monkeypatch.setattr(Path, "read_bytes", lambda _path: b"x")
    assert pristine._image("a") is pristine._image("a") is pristine._image(None) is found
    assert calls == ["a", None]
    monkeypatch.setattr(Path, "read_bytes", Path.readlink)
    with pytest.raises(NoImage, match="does not say which build it is"):
        pristine._image("b")
