# SPDX-License-Identifier: GPL-2.0-only
"""Event 610.

One device is QEMU's, plugged and unplugged by its monitor.  The others the kernel makes itself: a controller
that is none (dummy_hcd) and what one can plug into it (a gadget, through configfs), as those can say of
themselves whatever a test wants.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ksonde
from acting import Tap, assert_fields
from ksonde.enrich.devices import Devices
from ksonde.enrich.snapshot import Snapshot
from ksonde.record import Record

EVENTS = ["usb_device"]

ADDED, REMOVED = 1, 2
KTHREAD = 8
GADGETS = Path("/sys/kernel/config/usb_gadget")
USBCORE = Path("/sys/module/usbcore")
DEVICES = Path("/sys/bus/usb/devices")
#: What a device may say of itself is UTF-16.
ODD = "a\nb\"c'd\\e\x1ef\x17h\u00e9 i"
LINUX, HIGH_SPEED_HUB, HUB, QEMU = 0x1D6B, 2, 9, 0x0627


def modprobe(*words: str) -> None:
    subprocess.run(["modprobe", *words], check=True)


@pytest.fixture(scope="module")
def gadgets(module_session: ksonde.Session) -> Iterator[None]:
    """The session is there before usbcore is: what it is told later is what this finds."""
    hook = next(hook for hook in module_session.device.hooks() if hook.name == "usb_device")
    assert (hook.state, hook.mechanism, hook.target) == ("armed", "notifier", "usb")
    assert not USBCORE.exists()
    modprobe("-a", "dummy_hcd", "libcomposite", "usb_f_acm", "usb_f_ss_lb")
    subprocess.run(["mount", "-t", "configfs", "configfs", "/sys/kernel/config"], check=False)
    yield
    modprobe("-r", "dummy_hcd")


class Gadget:
    """A device with a serial line and an interface of nobody's class."""

    def __init__(self, name: str, **strings: str) -> None:
        self.path = GADGETS / name
        self.strings = strings
        self.path.mkdir()
        (self.path / "idVendor").write_text("0x1234")
        (self.path / "idProduct").write_text("0xabcd")
        if strings:
            (self.path / "strings/0x409").mkdir()
        for key, value in strings.items():
            (self.path / "strings/0x409" / key).write_text(value)
        (self.path / "configs/c.1").mkdir()
        for function in ("acm.usb0", "SourceSink.0"):
            (self.path / "functions" / function).mkdir()
            (self.path / "configs/c.1" / function).symlink_to(self.path / "functions" / function)

    def plug(self) -> None:
        (self.path / "UDC").write_text("dummy_udc.0")

    def unplug(self) -> None:
        (self.path / "UDC").write_text("\n")

    def remove(self) -> None:
        for function in ("acm.usb0", "SourceSink.0"):
            (self.path / "configs/c.1" / function).unlink()
            (self.path / "functions" / function).rmdir()
        (self.path / "configs/c.1").rmdir()
        if self.strings:
            (self.path / "strings/0x409").rmdir()
        self.path.rmdir()


def wait_for(tap: Tap, action: int, **fields: Any) -> Record:
    """The hub asks for a while whether it is steady before it believes in a device."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        tap.collect()
        found = tap.of("usb_device", action=action, **fields)
        if found:
            assert len(found) == 1
            return found[0]
        time.sleep(0.2)
    raise AssertionError(f"nothing was recorded of {action}, {fields}")


def number(path: Path, base: int = 16) -> int:
    return int(path.read_text(), base)


def fields_of(path: Path) -> dict[str, Any]:
    """What sysfs says of a device that is there."""
    interfaces = sorted(path.glob(f"{path.name}:*" if path.name[0] != "u" else "[0-9]*:*"))
    kinds = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    return {
        "action": ADDED,
        "vendor_id": number(path / "idVendor"),
        "product_id": number(path / "idProduct"),
        "device_class": number(path / "bDeviceClass"),
        "bus": number(path / "busnum", 10),
        "number": number(path / "devnum", 10),
        "configuration": number(path / "bConfigurationValue", 10),
        **{name: text(path / name) for name in ("product", "manufacturer", "serial")},
        "device_path": str(path.resolve()).removeprefix("/sys"),
        "interfaces": tuple(
            "".join((one / kind).read_text().strip() for kind in kinds) for one in interfaces
        ),
    }


def text(path: Path) -> str | None:
    return path.read_text()[:-1] if path.exists() else None


def check(tap: Tap, record: Record, data: dict[str, Any]) -> None:
    """By the kernel's own thread that looks after hubs."""
    assert_fields(tap.schema, record, data)
    assert record.flags == KTHREAD
    assert (record.parent_tgid, record.uid, record.exe) == (2, 0, None)
    assert record.comm.startswith("kworker/")


def device() -> Path:
    """The one with the gadget's numbers; interfaces have none."""
    return next(path.parent for path in DEVICES.glob("*/idVendor") if path.read_text().strip() == "1234")


@pytest.mark.parametrize("said", [ODD, "x" * 126, None])
def test_plugged_and_unplugged(tap: Tap, gadgets: None, said: str | None) -> None:
    tap.collect()
    strings = {} if said is None else dict.fromkeys(("product", "manufacturer", "serialnumber"), said)
    gadget = Gadget("g1", **strings)
    try:
        gadget.plug()
        record = wait_for(tap, ADDED)
        expected = fields_of(device())
        assert (expected["vendor_id"], expected["product_id"]) == (0x1234, 0xABCD)
        assert (expected["product"], expected["manufacturer"], expected["serial"]) == (said, said, said)
        assert expected["interfaces"] == ("020201", "0a0000", "ff0000")
        check(tap, record, expected)
        gadget.unplug()
        gone = wait_for(tap, REMOVED)
        check(tap, gone, {**expected, "action": REMOVED, "configuration": None, "interfaces": None})
    finally:
        gadget.remove()


@pytest.fixture
def socket() -> Iterator[Path]:
    """Where one can ask for a device to be plugged into QEMU's controller, or unplugged."""
    names = Path("/sys/class/virtio-ports").glob("*/name")
    port = next(name.parent.name for name in names if name.read_text() == "usb\n")
    modprobe("xhci_pci")
    yield Path("/dev") / port
    modprobe("-r", "xhci_pci")


def test_of_the_machine(tap: Tap, socket: Path) -> None:
    """The controller has two root hubs; then QEMU's tablet comes, and goes."""
    until = time.monotonic() + 60
    while not list(DEVICES.glob("usb[2-9]")) and time.monotonic() < until:
        time.sleep(0.1)
    tap.collect()
    socket.write_bytes(b"plug\n")
    record = wait_for(tap, ADDED, vendor_id=QEMU)
    expected = fields_of(DEVICES / Path(record.device_path).name)
    assert expected["product"] == "QEMU USB Tablet" and expected["interfaces"][0][:2] == "03"
    check(tap, record, expected)
    # What udev knows without its daemon, and what a snapshot has of the device.
    devices = Devices()
    known = devices.of(record)
    assert known is not None
    assert known["node"] == f"/dev/bus/usb/{record.bus:03}/{record.number:03}"
    assert known["speed"] == (DEVICES / Path(record.device_path).name / "speed").read_text().strip()
    (taken,) = (one for one in Snapshot().usb_devices() if one["vendor_id"] == QEMU)
    assert {**taken, "action": ADDED, "interfaces": tuple(taken["interfaces"])} == {**expected, "udev": known}
    socket.write_bytes(b"unplug\n")
    gone = wait_for(tap, REMOVED, vendor_id=QEMU)
    assert devices.of(gone) == known
    check(tap, gone, {**expected, "action": REMOVED, "configuration": None, "interfaces": None})


def test_driver_is_taken_away(tap: Tap, gadgets: None) -> None:
    """It is still there, with its configuration, but nobody's: to usbcore it has gone, and comes anew."""
    gadget = Gadget("g2", product="p")
    try:
        gadget.plug()
        wait_for(tap, ADDED)
        path = device()
        expected = fields_of(path)
        driver = (path / "driver").resolve()
        tell(driver / "unbind", path.name)
        gone = wait_for(tap, REMOVED)
        assert_fields(tap.schema, gone, {**expected, "action": REMOVED})
        assert (gone.comm, gone.flags) == ("sh", 0)
        tell(driver / "bind", path.name)
        record = wait_for(tap, ADDED)
        assert_fields(tap.schema, record, fields_of(path))
        assert (record.comm, record.flags) == ("sh", 0)
    finally:
        gadget.unplug()
        wait_for(tap, REMOVED)
        gadget.remove()


def tell(path: Path, word: str) -> None:
    """By another process: what the reader itself does is not recorded."""
    subprocess.run(["sh", "-c", 'printf %s "$1" >"$0"', path, word], check=True)


def test_controllers(tap: Tap, gadgets: None) -> None:
    """Their root hubs are devices as well, in the drivers' hands, and in those of who loads them."""
    modprobe("-r", "dummy_hcd")
    gone = wait_for(tap, REMOVED)
    assert (gone.vendor_id, gone.product_id, gone.comm) == (LINUX, HIGH_SPEED_HUB, "modprobe")
    modprobe("dummy_hcd")
    record = wait_for(tap, ADDED)
    expected = fields_of(DEVICES / f"usb{record.bus}")
    assert expected["device_class"] == HUB and expected["interfaces"] == ("090000",)
    assert_fields(tap.schema, record, expected)
    assert record.comm == "modprobe"


def test_usbcore_stays(tap: Tap, gadgets: None) -> None:
    """Whoever is in its chain keeps it, also when no controller does any more."""
    modprobe("-r", "dummy_hcd", "cdc_acm")
    wait_for(tap, REMOVED)
    assert int((USBCORE / "refcnt").read_text()) > 0
    done = subprocess.run(["rmmod", "usbcore"], capture_output=True, text=True, check=False)
    assert "in use" in done.stderr and USBCORE.exists()
    modprobe("dummy_hcd")
    wait_for(tap, ADDED)
