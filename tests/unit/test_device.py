# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import errno
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from fake_driver import FakeDriver
from ksonde import errors, uapi
from ksonde.device import Device, Info, wait_for_device
from support import schema_text


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    driver = FakeDriver()
    monkeypatch.setattr("ksonde.node.Node", driver.open)
    return driver


def test_info(driver: FakeDriver) -> None:
    with Device() as device:
        assert device.info() == Info(1, 1, 2, 4096, 1, 8, 2, 1 << 16, 1 << 26, 1000, 3, "0.1.0")
        assert device.fileno() == 99
    assert not driver.nodes
    device.close()


def test_another_abi(driver: FakeDriver) -> None:
    driver.info["abi"] = 2
    with pytest.raises(errors.VersionMismatch, match=r"0\.1\.0 speaks ABI 2, this package ABI 1") as caught:
        Device()
    assert (caught.value.driver, caught.value.reader) == (2, 1)
    assert "package ksonde" in caught.value.hint
    assert not driver.nodes
    with Device(check=False) as device:
        assert device.info().abi == 2
    driver.info["abi"] = 0
    with pytest.raises(errors.VersionMismatch) as caught:
        Device()
    assert "module" in caught.value.hint


@pytest.mark.parametrize("number", [errno.ENOTTY, errno.EINVAL])
def test_not_our_device(driver: FakeDriver, number: int) -> None:
    driver.fail[uapi.Ioctl.INFO] = number
    with pytest.raises(errors.DeviceMissing, match="/dev/null is not ksonde's device"):
        Device("/dev/null")


def test_any_other_error_passes(driver: FakeDriver) -> None:
    driver.fail[uapi.Ioctl.INFO] = errno.EIO
    with pytest.raises(errors.DriverError):
        Device()
    with Device() as device:
        driver.fail[uapi.Ioctl.SCHEMA] = errno.EIO
        with pytest.raises(errors.DriverError):
            device.schema()
        device.schema()
        driver.fail[uapi.Ioctl.HOOK] = errno.EIO
        with pytest.raises(errors.DriverError):
            device.hooks()


def test_schema_is_read_once(driver: FakeDriver) -> None:
    with Device() as device:
        schema = device.schema()
        assert schema.text == schema_text()
        assert device.schema() is schema
    assert driver.calls.count("SCHEMA") == 2


def test_hooks(driver: FakeDriver) -> None:
    driver.hooks.append({"event": 77, "state": 9, "mechanism": 99, "name": b"new"})
    with Device() as device:
        connect, fork, new = device.hooks()
    assert (connect.index, connect.name, connect.event, connect.state) == (0, "connect", "connect", "armed")
    assert (connect.mechanism, connect.target, connect.hits) == ("kretprobe", "__sys_connect", 160)
    assert (connect.users, connect.missed, connect.timed_hits, connect.timed_ns) == (1, 0, 10, 5000)
    assert connect.detail == ["kretprobe __sys_connect: taken"]
    assert (fork.event, fork.state, fork.mechanism) == (None, "unavailable", "none")
    assert fork.detail == ["a: no such symbol", "b: refused"]
    assert (new.event, new.state, new.mechanism) == (None, "HookState 9", "Mechanism 99")


# --------------------------------------------------------- wait_for_device --


class FakeMonitor:
    """Stands for pyudev.Monitor; what polling does is the test's choice."""

    on_poll: Callable[[float], object] = staticmethod(lambda _: None)
    source = ""

    @classmethod
    def from_netlink(cls, _: object, source: str) -> FakeMonitor:
        cls.source = source
        return cls()

    def filter_by(self, subsystem: str) -> None:
        assert subsystem == "misc"

    def start(self) -> None:
        pass

    def poll(self, timeout: float) -> None:
        type(self).on_poll(timeout)


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> type[FakeMonitor]:
    module = types.ModuleType("pyudev")
    kind: type[FakeMonitor] = type("OneMonitor", (FakeMonitor,), {})
    vars(module).update(Context=object, Monitor=kind)
    monkeypatch.setitem(sys.modules, "pyudev", module)
    return kind


def test_a_device_that_is_there(tmp_path: Path) -> None:
    assert wait_for_device(str(tmp_path))
    assert wait_for_device(str(tmp_path / "x"), present=False)


def test_it_comes_and_goes(tmp_path: Path, monitor: type[FakeMonitor]) -> None:
    path = tmp_path / "ksonde"
    monitor.on_poll = staticmethod(lambda _: path.touch())
    assert wait_for_device(str(path))
    monitor.on_poll = staticmethod(lambda _: path.unlink())
    assert wait_for_device(str(path), 5.0, present=False)
    assert monitor.source in ("udev", "kernel")


def test_it_does_not_come(tmp_path: Path, monitor: type[FakeMonitor]) -> None:
    waited: list[float] = []
    monitor.on_poll = waited.append
    assert not wait_for_device(str(tmp_path / "x"), 0.01)
    assert waited
    assert max(waited) <= 0.01


@pytest.mark.parametrize("error", [ImportError("No libudev"), OSError("no netlink")])
def test_without_udev(
    tmp_path: Path, monitor: type[FakeMonitor], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(monitor, "from_netlink", refuse)
    with pytest.raises(errors.UdevMissing, match=r"cannot wait for devices: [Nn]o ") as caught:
        wait_for_device(str(tmp_path / "x"))
    assert "libudev" in caught.value.hint


def test_the_real_pyudev(tmp_path: Path) -> None:
    try:
        assert not wait_for_device(str(tmp_path / "x"), 0.05)
    except errors.UdevMissing as error:
        pytest.skip(f"cannot run here: {error}")
