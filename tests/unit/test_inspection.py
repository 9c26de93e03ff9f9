# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import errno

import pytest

import ksonde
from fake_driver import FakeDriver
from ksonde import errors, inspection, uapi
from ksonde.device import Device
from ksonde.inspection import Place


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    driver = FakeDriver()
    monkeypatch.setattr("ksonde.node.Node", driver.open)
    return driver


def test_look(driver: FakeDriver) -> None:
    driver.inspected = b'{"inspect":1,"kind":"lists"}'
    assert inspection.look(uapi.Inspect.LSM)["kind"] == "lists"
    assert not driver.nodes


def test_a_text_that_is_longer_than_expected(driver: FakeDriver) -> None:
    driver.inspected = b'{"inspect":1,"x":"' + b"y" * (2 << 20) + b'"}'
    with Device() as device:
        assert len(device.inspect(uapi.Inspect.LSM)["x"]) == 2 << 20
    assert driver.calls.count("INSPECT") == 2


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"inspect":2}'])
def test_a_text_that_is_wrong(driver: FakeDriver, text: bytes) -> None:
    driver.inspected = text
    with pytest.raises(errors.BadInspection):
        inspection.look(uapi.Inspect.LSM)


@pytest.mark.parametrize("number", [errno.ENOTTY, errno.EOPNOTSUPP])
def test_an_older_module(driver: FakeDriver, number: int) -> None:
    driver.fail[uapi.Ioctl.INSPECT] = number
    with pytest.raises(errors.InspectionUnknown, match="cannot inspect lsm") as caught:
        inspection.look(uapi.Inspect.LSM)
    assert caught.value.what == "lsm"


def test_any_other_error_passes(driver: FakeDriver) -> None:
    driver.fail[uapi.Ioctl.INSPECT] = errno.ENOMEM
    with pytest.raises(errors.DriverError):
        inspection.look(uapi.Inspect.LSM)


def test_no_device_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise errors.DeviceMissing("/dev/ksonde")

    monkeypatch.setattr(ksonde, "Device", missing, raising=False)
    with pytest.raises(errors.KsondeError, match="not loaded") as caught:
        inspection.look(uapi.Inspect.LSM)
    assert caught.value.exit_code == 1
    assert "ksonde load" in caught.value.hint


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place("cap_capable", 0, "", True), "cap_capable"),
        (Place("cap_capable", 16, "", True), "cap_capable+0x10"),
        (Place("f", 0, "evil", False), "f [evil]"),
        (Place("", 0, "evil", False, "0xffffffffc0000000"), "0xffffffffc0000000 [evil]"),
        (Place("", 0, "", False, "0xffffffffc0000000"), "0xffffffffc0000000 [no owner]"),
        (Place("", 0, "", False), "an address [no owner]"),
    ],
)
def test_place_as_text(place: Place, text: str) -> None:
    assert str(place) == text


def test_code(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.code = bytes(range(256)) * 8
    monkeypatch.setattr(uapi, "INSPECT_MAX", 100)
    with Device() as device:
        assert device.code(10, 1000) == driver.code[10:1010]
        assert device.code(2000, 1000) == driver.code[2000:]
        with pytest.raises(errors.DriverError):
            device.code(1 << 20, 1)
        driver.fail[uapi.Ioctl.INSPECT] = errno.EOPNOTSUPP
        with pytest.raises(errors.InspectionUnknown, match="cannot inspect code"):
            device.code(0, 1)
        driver.fail[uapi.Ioctl.INSPECT] = errno.EPERM
        with pytest.raises(errors.DriverError):
            device.code(0, 1)
