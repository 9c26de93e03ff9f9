# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
import socket
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from fakes import FakeContext, UsbDevice
from ksonde.enrich import snapshot
from ksonde.enrich.snapshot import Snapshot

TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    for pid, name, parent, start in (
        (1, "init", 0, 1),
        (20, "a) (b\n\udcff", 100, 4711),
        (3, "kthreadd", 20, 4000),
        (100, "sh", 1, 4700),
    ):
        folder = tmp_path / str(pid)
        folder.mkdir()
        stat = f"{pid} ({name}) S {parent} 2 3 " + " ".join(["0"] * 15) + f" {start} 0 0"
        (folder / "stat").write_bytes(os.fsencode(stat))
        (folder / "status").write_bytes(os.fsencode("Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t7\t8\t8\t8\n"))
        (folder / "cmdline").write_bytes(b"" if pid == 3 else b"one\0\0two words\0")
        if pid != 3:
            (folder / "exe").symlink_to("/bin/x y")
    (tmp_path / "21").mkdir()  # ends while it is looked at
    (tmp_path / "modules").write_text("ext4 770048 2 - Live 0x0\nksonde 99 0 - Live 0x0 (OE)\n")
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_bytes(
        b"22 1 8:1 / / rw,noatime shared:1 - ext4 /dev/sda1 rw\n"
        b"30 22 0:25 /x /a\\040b\\134\xff rw - tmpfs none rw,size=4k\n"
    )
    return tmp_path


def test_processes(proc: Path) -> None:
    first, kernel, odd, _shell = Snapshot(str(proc)).processes()
    assert (first["tgid"], kernel["tgid"], odd["tgid"]) == (1, 3, 20)
    assert (first["parent_start_time"], first["ancestors"]) == (None, [])
    # Process 20 is younger than what says to be its child: its number was another one's.
    assert (kernel["parent_tgid"], kernel["ancestors"]) == (20, [])
    assert odd == {
        "tgid": 20,
        "start_time": 4711 * TICK,
        "parent_tgid": 100,
        "parent_start_time": 4700 * TICK,
        "ancestors": [
            {"start_time": 4700 * TICK, "tgid": 100, "comm": "sh"},
            {"start_time": TICK, "tgid": 1, "comm": "init"},
        ],
        "pgid": 2,
        "sid": 3,
        "comm": "a) (b\n\udcff",
        "uid": 1000,
        "euid": 0,
        "gid": 7,
        "egid": 8,
        "argv": ["one", "", "two words"],
        "exe": "/bin/x y",
    }
    assert kernel["argv"] == []
    assert kernel["exe"] is None


def test_modules(proc: Path) -> None:
    assert list(Snapshot(str(proc)).modules()) == [
        {"name": "ext4", "size": 770048, "users": 2, "state": "Live", "taints": ""},
        {"name": "ksonde", "size": 99, "users": 0, "state": "Live", "taints": "OE"},
    ]


def test_mounts(proc: Path) -> None:
    root, odd = Snapshot(str(proc)).mounts()
    assert root["source"] == "/dev/sda1"
    assert root["device"] == os.makedev(8, 1)
    assert odd == {
        "mount": 30,
        "parent": 22,
        "device": os.makedev(0, 25),
        "root": "/x",
        "target": "/a b\\\udcff",
        "options": "rw",
        "type": "tmpfs",
        "source": "none",
        "super_options": "rw,size=4k",
    }


class FakeNetlinkError(Exception):
    """Stands for pyroute2.NetlinkError."""

    code = 2


class FakeDiag:
    """Stands for pyroute2.DiagSocket."""

    unix: Any = ()

    def __enter__(self) -> FakeDiag:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def bind(self) -> None:
        pass

    def get_sock_stats(
        self, states: int = 0, family: int = 0, protocol: int = 0, show: int = 0
    ) -> tuple[dict[str, Any], ...]:
        if family == socket.AF_UNIX:
            assert show == 3
            if isinstance(self.unix, Exception):
                raise self.unix
            return tuple(self.unix)
        assert states == 0b1111111111110
        if (family, protocol) != (socket.AF_INET, socket.IPPROTO_TCP):
            return ()
        ends = {"idiag_src": "127.0.0.1", "idiag_sport": 22, "idiag_dst": "0.0.0.0", "idiag_dport": 0}
        return ({"idiag_state": 10, "idiag_uid": 0, "idiag_inode": 99, **ends},)


def test_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("pyroute2")
    vars(module).update(DiagSocket=FakeDiag, NetlinkError=FakeNetlinkError)
    monkeypatch.setitem(sys.modules, "pyroute2", module)
    assert list(Snapshot().sockets()) == [
        {
            "family": socket.AF_INET,
            "protocol": socket.IPPROTO_TCP,
            "state": "listen",
            "local_address": "127.0.0.1",
            "local_port": 22,
            "remote_address": "0.0.0.0",
            "remote_port": 0,
            "uid": 0,
            "socket": 99,
        }
    ]


def test_who_holds_a_socket(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("pyroute2")
    vars(module).update(DiagSocket=FakeDiag, NetlinkError=FakeNetlinkError)
    monkeypatch.setitem(sys.modules, "pyroute2", module)
    for pid in (1, 100):
        (proc / str(pid) / "fd").mkdir()
        for fd, target in enumerate(("socket:[99]", "/dev/null", "socket:[98]", "socket:[99]")):
            (proc / str(pid) / "fd" / str(fd)).symlink_to(target)
    (proc / "100/fd/9").touch()  # closed while it is looked at
    (one,) = Snapshot(str(proc)).held_sockets()
    assert (one["socket"], one["tgids"]) == (99, [1, 100])


def test_unix_sockets(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("pyroute2")
    vars(module).update(DiagSocket=FakeDiag, NetlinkError=FakeNetlinkError)
    monkeypatch.setitem(sys.modules, "pyroute2", module)
    one = {"udiag_type": 1, "udiag_state": 10, "udiag_ino": 7}
    names = [("/run/x\ny", True), (b"a\xff", True), ("ab\0c", False), (None, False)]
    rows = [
        {
            **one,
            "attrs": [
                *([("UNIX_DIAG_NAME", name)] if name else []),
                *([("UNIX_DIAG_VFS", {})] if is_file else []),
            ],
        }
        for name, is_file in names
    ]
    monkeypatch.setattr(FakeDiag, "unix", rows)
    found = list(Snapshot().unix_sockets())
    assert [one["path"] for one in found] == ["/run/x\ny", "a\udcff", "\0ab\0c"]
    assert found[0] == {"family": 1, "type": 1, "state": "listen", "path": "/run/x\ny", "socket": 7}
    # A kernel that does not tell of these still tells of the others.
    monkeypatch.setattr(FakeDiag, "unix", FakeNetlinkError())
    taken = Snapshot(str(proc))
    assert [one["socket"] for one in taken.held_sockets()] == [99]
    assert taken.missing == {"socket": "[Errno 2] No such file or directory"}


def test_unix_sockets_of_this_machine(tmp_path: Path) -> None:
    """The real library; names as records have them."""
    names = [os.fsencode(tmp_path / "a\nb\udcff"), b"\0ab\0\xffc"]
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        for end, name in zip((one, other), names):
            end.bind(name)
            end.listen()
        inodes = [os.fstat(end.fileno()).st_ino for end in (one, other)]
        found = {one["socket"]: one for one in Snapshot().held_sockets() if one["socket"] in inodes}
    assert [os.fsencode(found[inode]["path"]) for inode in inodes] == names
    assert all((one["state"], one["tgids"]) == ("listen", [os.getpid()]) for one in found.values())


def test_sockets_of_this_machine() -> None:
    """The real library."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        listening = [one for one in Snapshot().held_sockets() if one["state"] == "listen"]
        (own,) = [one for one in listening if one["local_port"] == port]
        assert own["socket"] == os.fstat(server.fileno()).st_ino
        assert own["local_address"] == "127.0.0.1"
        assert own["tgids"] == [os.getpid()]
        assert type(own["family"]) is int


def test_usb_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, kind in (("1-2:1.10", "08"), ("1-2:1.0", "03"), ("1-2.1", "")):
        (tmp_path / name).mkdir()
        for word in ("Class", "SubClass", "Protocol") if kind else ():
            (tmp_path / name / f"bInterface{word}").write_text(f"{kind}\n")
    attributes = {
        "idVendor": b"1d6b\n",
        "idProduct": b"0002\n",
        "bDeviceClass": b"00\n",
        "busnum": b"1\n",
        "devnum": b"12\n",
        "product": b"a b\xff\n",
        "bConfigurationValue": b"\n",
    }
    device = UsbDevice("/devices/usb1/1-2", attributes, sys_path=str(tmp_path))
    module = types.ModuleType("pyudev")
    vars(module).update(Context=lambda: FakeContext([device]))
    monkeypatch.setitem(sys.modules, "pyudev", module)
    (one,) = Snapshot().usb_devices()
    assert one.pop("udev")["vendor"] == "Linux Foundation"
    assert one == {
        "vendor_id": 0x1D6B,
        "product_id": 2,
        "device_class": 0,
        "bus": 1,
        "number": 12,
        "configuration": None,
        "product": "a b\udcff",
        "manufacturer": None,
        "serial": None,
        "device_path": "/devices/usb1/1-2",
        "interfaces": ["030303", "080808"],
    }


def test_take(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be looked at is said, and keeps nothing else away."""
    monkeypatch.setitem(sys.modules, "pyudev", None)
    monkeypatch.setitem(sys.modules, "pyroute2", None)
    taken = Snapshot(str(proc))
    lines = list(taken.take())
    assert {line["event"] for line in lines} == {"process", "module", "mount"}
    assert all(line["snapshot"] is True and line["time"] > 0 for line in lines)
    assert set(taken.missing) == {"socket", "usb_device"}


def test_kinds() -> None:
    assert list(snapshot.KINDS) == ["process", "socket", "module", "mount", "usb_device"]
